#include "ergon/env/environment.hpp"

#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

/// Index of the first number that is not finite, or -1.
std::int64_t first_nonfinite(const double* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) return i;
  }
  return -1;
}

std::int64_t size_of(const std::vector<double>& values) {
  return static_cast<std::int64_t>(values.size());
}

void require_finite(const EnvironmentSpec& spec, const char* what, const std::vector<double>& v) {
  const std::int64_t bad = first_nonfinite(v.data(), size_of(v));
  require(bad < 0, "{}: number {} of the state's {} is {}; the state cannot be restored", spec.name,
          bad, what, bad < 0 ? 0.0 : v[static_cast<std::size_t>(bad)]);
}

}  // namespace

Environment::Environment(EnvironmentSpec spec)
    : spec_(std::move(spec)), observation_(static_cast<std::size_t>(spec_.observation_dim), 0.0) {
  ERGON_CHECK(size_of(spec_.action_low) == spec_.action_dim &&
                  size_of(spec_.action_high) == spec_.action_dim,
              "{}: {} actions with bounds for {} and {}", spec_.name, spec_.action_dim,
              spec_.action_low.size(), spec_.action_high.size());
}

void Environment::reset() {
  over_ = true;  // until the start is known to be sound
  steps_ = 0;
  begin(random_, observation_);
  const std::int64_t bad = first_nonfinite(observation_.data(), spec_.observation_dim);
  if (bad >= 0) {
    throw NumericalFailure(fmt::format("{}: observation {} at the start of an episode is {}",
                                       spec_.name, bad,
                                       observation_[static_cast<std::size_t>(bad)]));
  }
  over_ = false;
}

StepResult Environment::step(const double* action) {
  require(!over_, "{}: no episode is under way; call reset before step", spec_.name);
  over_ = true;  // stays so when what follows throws
  const std::int64_t number = steps_ + 1;
  const auto refuse = [&](const std::string& what, double value) {
    throw NumericalFailure(
        fmt::format("{}: {} at step {} of an episode is {}", spec_.name, what, number, value));
  };
  std::int64_t bad = first_nonfinite(action, spec_.action_dim);
  if (bad >= 0) refuse(fmt::format("action {}", bad), action[bad]);

  Outcome outcome;
  try {
    outcome = advance(action, observation_);
  } catch (const NumericalFailure& failure) {
    throw NumericalFailure(
        fmt::format("{}: step {} of an episode: {}", spec_.name, number, failure.what()));
  }
  steps_ = number;
  if (!std::isfinite(outcome.reward)) refuse("the reward", outcome.reward);
  bad = first_nonfinite(observation_.data(), spec_.observation_dim);
  if (bad >= 0) {
    refuse(fmt::format("observation {}", bad), observation_[static_cast<std::size_t>(bad)]);
  }

  StepResult result;
  result.reward = outcome.reward;
  result.terminated = outcome.terminated;
  result.truncated = !outcome.terminated && steps_ >= spec_.max_episode_steps;
  over_ = result.over();
  return result;
}

EnvironmentState Environment::state() const {
  return {numbers(), observation_, random_.state(), steps_, over_};
}

void Environment::restore(const EnvironmentState& state) {
  const std::int64_t expected = size_of(numbers());
  require(size_of(state.numbers) == expected,
          "{}: a state of {} numbers cannot be restored; this environment has {}", spec_.name,
          state.numbers.size(), expected);
  require(size_of(state.observation) == spec_.observation_dim,
          "{}: a state with {} observed numbers cannot be restored; this environment has {}",
          spec_.name, state.observation.size(), spec_.observation_dim);
  require_finite(spec_, "physics", state.numbers);
  require_finite(spec_, "observation", state.observation);
  const bool within = state.steps >= 0 && (state.over || state.steps < spec_.max_episode_steps);
  require(within,
          "{}: a state at step {} of an episode cannot be restored; an episode has {} steps",
          spec_.name, state.steps, spec_.max_episode_steps);
  random_.set_state(state.random);  // the last that may refuse
  set_numbers(state.numbers);
  observation_ = state.observation;
  steps_ = state.steps;
  over_ = state.over;
}

}  // namespace ergon
