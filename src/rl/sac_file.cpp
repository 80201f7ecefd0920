// What of the agent goes into files: checkpoints and policies.
#include <array>
#include <cmath>
#include <utility>

#include "ergon/core/option_json.hpp"
#include "sac_members.hpp"

namespace ergon {
namespace {

constexpr const char* kAlgorithm = "sac";

Json options_json(const SacOptions& options) {
  Json json = Json::object();
  visit_sac_fields(options, JsonWriter{json});
  return json;
}

/// Refuses a checkpoint of other options, naming the first that differs.
void require_same_options(const SafetensorsFile& file, const SacOptions& options) {
  const std::string& algorithm = file.word("agent.algorithm");
  require(algorithm == kAlgorithm, "{}: the checkpoint is of the algorithm '{}', not of {}",
          file.path(), algorithm, kAlgorithm);
  const Json saved = Json::parse(file.word("agent.options"), nullptr, false);
  require(saved.is_object(), "{}: the checkpoint's options cannot be read; the file is damaged",
          file.path());
  const Json ours = options_json(options);
  for (const auto& [name, value] : ours.items()) {
    const Json was = saved.contains(name) ? saved.at(name) : Json("missing");
    require(was == value,
            "{}: the checkpoint was made with {} = {}, the agent has {}; resume with the options "
            "it was started with",
            file.path(), name, was.dump(), value.dump());
  }
}

}  // namespace

template <class Real>
auto Sac<Real>::Members::arrays() -> std::array<Array, 7> {
  return {{{"agent.actor", &actor.parameters()},
           {"agent.actor.first_moment", &actor_adam.first_moments()},
           {"agent.actor.second_moment", &actor_adam.second_moments()},
           {"agent.critics", &critics.parameters()},
           {"agent.critics.first_moment", &critic_adam.first_moments()},
           {"agent.critics.second_moment", &critic_adam.second_moments()},
           {"agent.targets", &targets.parameters()}}};
}

template <class Real>
void Sac<Real>::save(SafetensorsWriter& file) const {
  Members& m = *members_;
  file.add_word("agent.algorithm", kAlgorithm);
  file.add_word("agent.options", options_json(m.options).dump());
  for (const auto& [name, numbers] : m.arrays()) {
    file.add(name, {static_cast<std::int64_t>(numbers->size())}, numbers->data());
  }
  file.add_copy<double>("agent.temperature",
                        {m.log_temperature, m.temperature_adam.first_moments().front(),
                         m.temperature_adam.second_moments().front()});
  file.add_copy<std::int64_t>("agent.counts", {m.updates, m.actor_adam.steps(),
                                               m.critic_adam.steps(), m.temperature_adam.steps()});
  file.add_copy<double>("agent.info",
                        {m.info.critic_loss, m.info.actor_loss, m.info.entropy, m.info.value});
}

template <class Real>
void Sac<Real>::load(const SafetensorsFile& file) {
  Members& m = *members_;
  require_same_options(file, m.options);
  // Everything is read before anything is taken over.
  const auto places = m.arrays();
  std::array<std::vector<Real>, std::tuple_size_v<decltype(places)>> read;
  for (std::size_t i = 0; i < read.size(); ++i) {
    read[i] = file.list<Real>(places[i].name, places[i].numbers->size());
  }
  const auto temperature = file.list<double>("agent.temperature", 3);
  const auto counts = file.list<std::int64_t>("agent.counts", 4);
  const auto info = file.list<double>("agent.info", 4);
  for (const std::int64_t count : counts) {
    require(count >= 0, "{}: the array 'agent.counts' holds {}; the file is damaged", file.path(),
            count);
  }
  for (std::size_t i = 0; i < read.size(); ++i) *places[i].numbers = read[i];
  m.log_temperature = temperature[0];
  m.temperature_adam.first_moments().front() = temperature[1];
  m.temperature_adam.second_moments().front() = temperature[2];
  if (m.options.temperature == TemperatureRule::kLearned) {
    m.temperature = std::exp(m.log_temperature);
  }
  m.updates = counts[0];
  m.actor_adam.steps() = counts[1];
  m.critic_adam.steps() = counts[2];
  m.temperature_adam.steps() = counts[3];
  m.info = {info[0], info[1], info[2], info[3]};
  m.policy_is_current = false;
}

template <class Real>
PolicyDescription Sac<Real>::describe_policy() const {
  const Members& m = *members_;
  PolicyDescription described;
  described.algorithm = kAlgorithm;
  described.shape = m.actor.shape();
  described.log_stddev_map = m.options.log_stddev_map;
  described.log_stddev_low = m.options.log_stddev_low;
  described.log_stddev_high = m.options.log_stddev_high;
  described.parameters.assign(actor_parameters().begin(), actor_parameters().end());
  return described;
}

// clang-format off
template void Sac<float>::save(SafetensorsWriter&) const;
template void Sac<float>::load(const SafetensorsFile&);
template PolicyDescription Sac<float>::describe_policy() const;
template void Sac<double>::save(SafetensorsWriter&) const;
template void Sac<double>::load(const SafetensorsFile&);
template PolicyDescription Sac<double>::describe_policy() const;
// clang-format on

}  // namespace ergon
