#include "ergon/rl/training.hpp"

#include <algorithm>
#include <utility>

#include "ergon/core/errors.hpp"
#include "training_members.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kStepsPerUpdateRow = 1000;

/// Whether a multiple of `every` lies in (before, now].
bool passed(std::int64_t before, std::int64_t now, std::int64_t every) {
  return now / every > before / every;
}

const TrainingOptions& valid(const TrainingOptions& options) {
  options.validate();
  return options;
}

std::unique_ptr<Agent> given(std::unique_ptr<Agent> agent) {
  require(agent != nullptr, "training needs an agent, and none was given");
  return agent;
}

}  // namespace

Training::Members::Members(EnvironmentMaker maker,
                           std::unique_ptr<Agent> learner,
                           const TrainingOptions& training_options,
                           std::uint64_t training_seed)
    : make(std::move(maker)),
      agent(given(std::move(learner))),
      options(valid(training_options)),
      seed(training_seed),
      environments(make, options.environments, seed),
      rewind(environments),
      replay(options.replay, environments.spec().observation_dim, environments.spec().action_dim),
      replay_generator(Pcg64::stream(seed, "replay")) {
  const EnvironmentSpec& spec = environments.spec();
  require(
      agent->observation_dim() == spec.observation_dim && agent->action_dim() == spec.action_dim,
      "the agent takes {} observations and gives {} actions, but {} has {} and {}; make it for "
      "this environment",
      agent->observation_dim(), agent->action_dim(), spec.name, spec.observation_dim,
      spec.action_dim);
  const auto count = static_cast<std::size_t>(options.environments);
  for (std::size_t i = 0; i < count; ++i)
    action_generators.push_back(Pcg64::stream(seed, "action", i));
  earlier_generators = action_generators;
  running_returns.assign(count, 0.0);
  running_lengths.assign(count, 0);
  actions.assign(count * static_cast<std::size_t>(spec.action_dim), 0.0);
  scaled_actions = actions;
  environments.reset();
  evaluator = std::make_unique<Evaluator>(make, options.evaluation_episodes, seed);
}

void Training::Members::act() {
  const EnvironmentSpec& spec = environments.spec();
  const bool random = steps < options.random_steps;
  observations = environments.observations();
  Policy& policy = agent->policy();
  for (std::size_t i = 0; i < action_generators.size(); ++i) {
    const auto width = static_cast<std::size_t>(spec.action_dim);
    double* action = actions.data() + i * width;
    if (random) {
      for (std::size_t k = 0; k < width; ++k) action[k] = action_generators[i].uniform(-1.0, 1.0);
    } else {
      const double* observation =
          observations.data() + i * static_cast<std::size_t>(spec.observation_dim);
      policy.act(observation, ActionMode::kStochastic, action_generators[i], action);
    }
    for (std::size_t k = 0; k < width; ++k)
      scaled_actions[i * width + k] =
          scale_action(action[k], spec.action_low[k], spec.action_high[k]);
  }
}

void Training::Members::step_environments() {
  earlier_generators = action_generators;
  bool stepping = false;
  try {
    act();
    rewind.note(scaled_actions);
    stepping = true;
    environments.step(scaled_actions.data());
  } catch (const NumericalFailure& failed) {
    action_generators = earlier_generators;
    if (stepping) rewind.go_back();
    throw NumericalFailure(fmt::format("{} (after {} steps of training)", failed.what(), steps));
  }
}

void Training::Members::keep_transitions() {
  const EnvironmentSpec& spec = environments.spec();
  const auto observed = static_cast<std::size_t>(spec.observation_dim);
  const auto acted = static_cast<std::size_t>(spec.action_dim);
  steps += options.environments;
  for (std::size_t i = 0; i < running_returns.size(); ++i) {
    const StepResult& result = environments.results()[i];
    replay.add(observations.data() + i * observed, actions.data() + i * acted, result.reward,
               result.terminated, environments.final_observations().data() + i * observed);
    running_returns[i] += result.reward;
    ++running_lengths[i];
    if (!result.over()) continue;
    record.episodes.push_back({steps, running_returns[i], running_lengths[i], result.terminated});
    running_returns[i] = 0.0;
    running_lengths[i] = 0;
  }
}

void Training::Members::update() {
  try {
    agent->update(replay, replay_generator);
  } catch (const NumericalFailure& failed) {
    failure = fmt::format("{} (update {}, after {} steps of training)", failed.what(), updates + 1,
                          steps);
    throw NumericalFailure(failure);
  }
  ++updates;
  window.add(agent->update_info());
}

void Training::Members::update_when_due(std::int64_t before) {
  const std::int64_t every = options.update_every;
  const std::int64_t per_round = options.updates_per_round > 0 ? options.updates_per_round : every;
  // A round for each multiple of update_every in (before, steps] that is not below update_after.
  const std::int64_t from = std::max(before, options.update_after - 1);
  const std::int64_t rounds = std::max<std::int64_t>(0, steps / every - from / every);
  for (std::int64_t i = 0; i < rounds * per_round; ++i) update();
  if (!passed(before, steps, kStepsPerUpdateRow) || window.empty()) return;
  record.updates.push_back({steps, updates, window.means()});
  window.clear();
}

void Training::Members::evaluate_when_due(std::int64_t before) {
  const bool due = options.evaluate_every > 0 && passed(before, steps, options.evaluate_every);
  if (!due && !done()) return;
  submit({steps, agent->policy_parameters()});
}

void Training::Members::submit(PendingSnapshot snapshot) {
  evaluator->submit(snapshot.step, agent->policy_from(snapshot.parameters));
  pending.push_back(std::move(snapshot));
}

void Training::Members::collect() {
  while (!pending.empty()) {
    std::vector<Evaluation> complete = evaluator->take();
    if (complete.empty()) return;
    for (Evaluation& evaluation : complete) {
      const auto done_now = std::find_if(pending.begin(), pending.end(), [&](const auto& snapshot) {
        return snapshot.step == evaluation.step;
      });
      ERGON_CHECK(done_now != pending.end(), "evaluation at {} was not asked for", evaluation.step);
      pending.erase(done_now);
      record.evaluations.push_back(std::move(evaluation));
    }
  }
}

Training::Training(EnvironmentMaker make,
                   std::unique_ptr<Agent> agent,
                   const TrainingOptions& options,
                   std::uint64_t seed)
    : members_(std::make_unique<Members>(std::move(make), std::move(agent), options, seed)) {}

Training::~Training() = default;

void Training::step() {
  Members& m = *members_;
  require(!m.done(), "training is over after {} steps; ask for more with --steps", m.steps);
  if (!m.failure.empty()) throw NumericalFailure(m.failure);
  const std::int64_t before = m.steps;
  m.step_environments();
  m.keep_transitions();
  m.update_when_due(before);
  m.evaluate_when_due(before);
}

std::int64_t Training::steps() const { return members_->steps; }
std::int64_t Training::updates() const { return members_->updates; }
bool Training::done() const { return members_->done(); }

void Training::finish() {
  if (!members_->pending.empty()) members_->evaluator->wait();
  members_->collect();
}

const TrainingRecord& Training::record() {
  members_->collect();
  return members_->record;
}

Agent& Training::agent() { return *members_->agent; }
const EnvironmentSpec& Training::spec() const { return members_->environments.spec(); }

void Training::save(const std::string& path) {
  try {
    members_->collect();
  } catch (...) {
    // An evaluation failed, which record() and finish() tell: it stays pending, and a resumed run
    // meets the same failure.
  }
  SafetensorsWriter file;
  members_->save(file);
  file.save(path);
}

void Training::load(const std::string& path) {
  const SafetensorsFile file(path, true);
  members_->check(file);
  members_->load(file);
}

}  // namespace ergon
