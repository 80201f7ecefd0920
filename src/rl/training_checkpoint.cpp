#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/option_json.hpp"
#include "record_file.hpp"
#include "training_members.hpp"

namespace ergon {
namespace {

// Words.
constexpr const char* kKind = "checkpoint";
constexpr const char* kKindOfOurs = "ergon training";
constexpr const char* kVersion = "checkpoint.version";
constexpr int kNewestVersion = 1;
constexpr const char* kSeed = "training.seed";
constexpr const char* kOptions = "training.options";
constexpr const char* kFailure = "training.failure";

Json options_json(const TrainingOptions& options) {
  Json json = Json::object();
  visit_training_fields(options, JsonWriter{json});
  return json;
}

/// What identifies an environment, by word of the file, each with how people call it.
struct Identity {
  const char* word;
  const char* name;
  std::string value;
};

std::vector<Identity> identity_of(const EnvironmentSpec& spec, std::uint64_t seed) {
  return {
      {"environment.name", "environment", spec.name},
      {"environment.model_hash", "model hash", spec.model_hash},
      {"environment.max_episode_steps", "limit of steps in an episode",
       std::to_string(spec.max_episode_steps)},
      {"environment.mujoco", "MuJoCo version", spec.model.empty() ? "none" : mujoco_version()},
      {kSeed, "seed", std::to_string(seed)},
  };
}

void check_version(const SafetensorsFile& file) {
  require(file.has_word(kKind) && file.word(kKind) == kKindOfOurs && file.has_word(kVersion),
          "'{}' is not a checkpoint of a training run; name one that `ergon rl train` wrote",
          file.path());
  const std::string& version = file.word(kVersion);
  require(version == std::to_string(kNewestVersion),
          "'{}' is a checkpoint of format version {}, and this program reads version {} alone; "
          "resume with the program that wrote it",
          file.path(), version, kNewestVersion);
}

void check_options(const SafetensorsFile& file, const TrainingOptions& options) {
  TrainingOptions saved;
  try {
    const Json json = Json::parse(file.word(kOptions));
    visit_training_fields(saved, JsonReader(json, file.path()));
  } catch (const nlohmann::json::exception&) {
    fail("'{}': the options are damaged; take another checkpoint", file.path());
  }
  saved.steps = options.steps;
  const Json theirs = options_json(saved);
  const Json ours = options_json(options);
  for (const auto& [name, value] : ours.items()) {
    require(theirs.at(name) == value,
            "'{}' is of a run with --{} {}, but this one has {}; resume with the same options",
            file.path(), name, theirs.at(name).dump(), value.dump());
  }
}

void add_generators(SafetensorsWriter& file,
                    const std::string& name,
                    const std::vector<Pcg64::State>& states) {
  std::vector<std::uint64_t> words;
  for (const auto& state : states) words.insert(words.end(), state.begin(), state.end());
  file.add_copy(name, words);
}

std::vector<Pcg64::State> load_generators(const SafetensorsFile& file,
                                          const std::string& name,
                                          std::size_t count) {
  constexpr std::size_t kWords = std::tuple_size_v<Pcg64::State>;
  const auto words = file.list<std::uint64_t>(name, count * kWords);
  std::vector<Pcg64::State> states(count);
  for (std::size_t i = 0; i < words.size(); ++i) states[i / kWords][i % kWords] = words[i];
  return states;
}

void save_environments(const std::vector<EnvironmentState>& states, SafetensorsWriter& file) {
  std::vector<double> numbers;
  std::vector<double> observations;
  std::vector<Pcg64::State> generators;
  std::vector<std::int64_t> steps;
  std::vector<std::uint8_t> over;
  for (const EnvironmentState& state : states) {
    numbers.insert(numbers.end(), state.numbers.begin(), state.numbers.end());
    observations.insert(observations.end(), state.observation.begin(), state.observation.end());
    generators.push_back(state.random);
    steps.push_back(state.steps);
    over.push_back(state.over ? 1 : 0);
  }
  file.add_copy("environments.numbers", numbers);
  file.add_copy("environments.observations", observations);
  add_generators(file, "environments.generators", generators);
  file.add_copy("environments.steps", steps);
  file.add_copy("environments.over", over);
}

/// Piece `index` of `count` equal ones.
std::vector<double> piece(const std::vector<double>& all, std::size_t index, std::size_t count) {
  const auto size = static_cast<std::ptrdiff_t>(all.size() / count);
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(index) * size;
  return {begin, begin + size};
}

std::vector<EnvironmentState> load_environments(const SafetensorsFile& file, std::size_t count) {
  const auto numbers = file.list<double>("environments.numbers");
  const auto observations = file.list<double>("environments.observations");
  const auto generators = load_generators(file, "environments.generators", count);
  const auto steps = file.list<std::int64_t>("environments.steps", count);
  const auto over = file.list<std::uint8_t>("environments.over", count);
  std::vector<EnvironmentState> states(count);
  for (std::size_t i = 0; i < count; ++i) {
    states[i].numbers = piece(numbers, i, count);
    states[i].observation = piece(observations, i, count);
    states[i].random = generators[i];
    states[i].steps = steps[i];
    states[i].over = over[i] != 0;
  }
  return states;
}

void save_pending(const std::vector<PendingSnapshot>& pending, SafetensorsWriter& file) {
  std::vector<std::int64_t> steps;
  std::vector<double> parameters;
  for (const PendingSnapshot& snapshot : pending) {
    steps.push_back(snapshot.step);
    parameters.insert(parameters.end(), snapshot.parameters.begin(), snapshot.parameters.end());
  }
  file.add_copy("pending.steps", steps);
  file.add_copy("pending.parameters", parameters);
}

std::vector<PendingSnapshot> load_pending(const SafetensorsFile& file) {
  const auto steps = file.list<std::int64_t>("pending.steps");
  const auto parameters = file.list<double>("pending.parameters");
  std::vector<PendingSnapshot> pending;
  for (std::size_t i = 0; i < steps.size(); ++i)
    pending.push_back({steps[i], piece(parameters, i, steps.size())});
  return pending;
}

}  // namespace

void Training::Members::save(SafetensorsWriter& file) const {
  file.add_word(kKind, kKindOfOurs);
  file.add_word(kVersion, std::to_string(kNewestVersion));
  for (const Identity& part : identity_of(environments.spec(), seed))
    file.add_word(part.word, part.value);
  file.add_word(kOptions, options_json(options).dump());
  file.add_word(kFailure, failure);
  std::vector<Pcg64::State> generators;
  for (const Pcg64& generator : action_generators) generators.push_back(generator.state());
  generators.push_back(replay_generator.state());
  add_generators(file, "training.generators", generators);
  file.add_copy("training.counters", std::vector<std::int64_t>{steps, updates});
  file.add_copy("training.running_returns", running_returns);
  file.add_copy("training.running_lengths", running_lengths);
  save_environments(environments.states(), file);
  internal::save_record(record, window, file);
  save_pending(pending, file);
  replay.save(file);
  agent->save(file);
}

void Training::Members::check(const SafetensorsFile& file) const {
  check_version(file);
  for (const Identity& part : identity_of(environments.spec(), seed)) {
    const std::string& theirs = file.word(part.word);
    require(theirs == part.value,
            "'{}' is of a run with {} {}, but this one has {}; resume with what it was made with",
            file.path(), part.name, theirs, part.value);
  }
  check_options(file, options);
}

void Training::Members::load(const SafetensorsFile& file) {
  const std::size_t count = action_generators.size();
  const auto generators = load_generators(file, "training.generators", count + 1);
  const auto counters = file.list<std::int64_t>("training.counters", 2);
  const auto returns = file.list<double>("training.running_returns", count);
  const auto lengths = file.list<std::int64_t>("training.running_lengths", count);
  auto loaded = internal::load_record(file);
  auto snapshots = load_pending(file);
  environments.restore(load_environments(file, count));
  rewind.forget();
  replay.load(file);
  agent->load(file);

  for (std::size_t i = 0; i < count; ++i) action_generators[i].set_state(generators[i]);
  replay_generator.set_state(generators[count]);
  steps = counters[0];
  updates = counters[1];
  running_returns = returns;
  running_lengths = lengths;
  record = std::move(loaded.record);
  window = std::move(loaded.window);
  failure = file.word(kFailure);
  evaluator = std::make_unique<Evaluator>(make, options.evaluation_episodes, seed);
  pending.clear();
  for (PendingSnapshot& snapshot : snapshots) submit(std::move(snapshot));
}

}  // namespace ergon
