#include "rl_engine/render_episodes.hpp"

#include <algorithm>
#include <filesystem>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/interrupt.hpp"
#include "rl/train_request.hpp"

namespace ergon::app {
namespace {

class RandomPolicy : public Policy {
 public:
  explicit RandomPolicy(std::int64_t dim) : dim_(dim) {}
  void act(const double*, ActionMode, Pcg64& random, double* action) override {
    std::generate_n(action, dim_, [&] { return random.uniform(-1.0, 1.0); });
  }

 private:
  std::int64_t dim_;
};

class ZeroPolicy : public Policy {
 public:
  explicit ZeroPolicy(std::int64_t dim) : dim_(dim) {}
  void act(const double*, ActionMode, Pcg64&, double* action) override {
    std::fill_n(action, dim_, 0.0);
  }

 private:
  std::int64_t dim_;
};

bool is_environment(const std::string& name) {
  const auto& names = environment_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The agent's file that a run's folder or a path means.
std::string agent_file(const std::string& subject) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(subject, error);
  const std::string path = folder ? agent_path(subject) : subject;
  if (file_exists(path)) return path;
  require(!is_environment(subject),
          "'{}' is an environment and no trained agent; add --policy random (or zero) to see it "
          "untrained",
          subject);
  require(!folder, "{} holds no agent.safetensors: it is not the folder of a finished training",
          subject);
  fail("there is no agent '{}': neither a run's folder nor an agent's file", subject);
}

std::unique_ptr<Environment> environment_of(const std::string& name, const RenderRequest& request) {
  return make_environment({name, request.steps});
}

Cast cast_of_agent(const RenderRequest& request) {
  Cast cast;
  cast.agent = agent_file(request.subject);
  const PolicyDescription policy = load_policy_file(cast.agent);
  cast.environment = environment_of(policy.environment, request);
  const EnvironmentSpec& spec = cast.environment->spec();
  require(
      policy.observation_dim() == spec.observation_dim && policy.action_dim() == spec.action_dim,
      "{}: an agent of {} observations and {} actions does not fit {}, which has {} and {}",
      cast.agent, policy.observation_dim(), policy.action_dim(), spec.name, spec.observation_dim,
      spec.action_dim);
  if (policy.model_hash != spec.model_hash) {
    cast.warnings.push_back(
        fmt::format("the agent was trained on another model file than today's {}", spec.model));
  }
  cast.policy = make_policy(policy);
  return cast;
}

/// What of a step is a row: time, observation before it, action as taken, reward.
std::vector<double> row_of(std::int64_t episode,
                           const Environment& environment,
                           const std::vector<double>& action) {
  std::vector<double> row = {static_cast<double>(episode + 1),
                             static_cast<double>(environment.steps())};
  row.insert(row.end(), environment.observation().begin(), environment.observation().end());
  row.insert(row.end(), action.begin(), action.end());
  return row;
}

}  // namespace

Cast make_cast(const RenderRequest& request) {
  if (request.policy == RenderPolicy::kAgent) return cast_of_agent(request);
  Cast cast;
  // A run's folder or an agent's file stands for its environment.
  const std::string name = is_environment(request.subject) || !file_exists(request.subject)
                               ? request.subject
                               : load_policy_file(agent_file(request.subject)).environment;
  cast.environment = environment_of(name, request);
  const std::int64_t dim = cast.environment->spec().action_dim;
  if (request.policy == RenderPolicy::kRandom) {
    cast.policy = std::make_unique<RandomPolicy>(dim);
  } else {
    cast.policy = std::make_unique<ZeroPolicy>(dim);
  }
  return cast;
}

std::vector<std::string> episode_columns(const EnvironmentSpec& spec) {
  std::vector<std::string> columns = {"episode", "t"};
  for (std::int64_t i = 0; i < spec.observation_dim; ++i)
    columns.push_back(fmt::format("observation{}", i + 1));
  for (std::int64_t i = 0; i < spec.action_dim; ++i)
    columns.push_back(fmt::format("action{}", i + 1));
  columns.emplace_back("reward");
  return columns;
}

RecordedEpisode run_episode(Cast& cast, const RenderRequest& request, std::int64_t index) {
  Environment& environment = *cast.environment;
  const EnvironmentSpec& spec = environment.spec();
  const auto stream = static_cast<std::uint64_t>(index);
  environment.seed(Pcg64::stream(request.seed, "start", stream).next());
  environment.reset();
  Pcg64 random = Pcg64::stream(request.seed, "action", stream);
  std::vector<double> action(static_cast<std::size_t>(spec.action_dim));
  RecordedEpisode episode;
  if (index == 0) episode.states.push_back(environment.state());
  StepResult result;
  while (!result.over() && !interrupt_requested()) {
    cast.policy->act(environment.observation().data(), request.mode, random, action.data());
    for (std::size_t i = 0; i < action.size(); ++i)
      action[i] = scale_action(action[i], spec.action_low[i], spec.action_high[i]);
    episode.rows.push_back(row_of(index, environment, action));
    result = environment.step(action.data());
    episode.rows.back().push_back(result.reward);
    episode.episode_return += result.reward;
    if (index == 0) episode.states.push_back(environment.state());
  }
  episode.steps = environment.steps();
  episode.terminated = result.terminated;
  episode.last_observation = environment.observation();
  for (const auto& [name, value] : environment.info()) {
    if (name == "wall_hits") episode.wall_hits = static_cast<std::int64_t>(value);
  }
  return episode;
}

}  // namespace ergon::app
