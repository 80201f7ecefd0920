#include "ergon/env/vector_environment.hpp"

#include <algorithm>

#include "ergon/core/errors.hpp"
#include "ergon/core/workers.hpp"

namespace ergon {

struct VectorEnvironment::Members {
  std::vector<std::unique_ptr<Environment>> environments;
  std::vector<double> observations;
  std::vector<double> final_observations;
  std::vector<StepResult> results;
  std::int64_t observation_dim = 0;
  std::int64_t action_dim = 0;

  std::int64_t count() const { return static_cast<std::int64_t>(environments.size()); }
  Environment& environment(std::int64_t index) {
    return *environments[static_cast<std::size_t>(index)];
  }

  /// Writes environment `index`'s current observation into its row of `rows`.
  void copy_observation(std::int64_t index, std::vector<double>& rows) {
    const std::vector<double>& observation = environment(index).observation();
    std::copy(observation.begin(), observation.end(), rows.begin() + index * observation_dim);
  }

  /// Nothing has been stepped: both observations are the current ones, the results say nothing.
  void begin_at_current() {
    for (std::int64_t i = 0; i < count(); ++i) copy_observation(i, observations);
    final_observations = observations;
    std::fill(results.begin(), results.end(), StepResult());
  }
};

VectorEnvironment::VectorEnvironment(const EnvironmentMaker& make,
                                     std::int64_t count,
                                     std::uint64_t seed)
    : members_(std::make_unique<Members>()) {
  require(count >= 1, "{} environments cannot step together; ask for at least 1", count);
  Pcg64 seeds = Pcg64::stream(seed, "environment");
  for (std::int64_t i = 0; i < count; ++i) {
    members_->environments.push_back(make());
    members_->environments.back()->seed(seeds.next());
  }
  members_->observation_dim = spec().observation_dim;
  members_->action_dim = spec().action_dim;
  members_->observations.resize(static_cast<std::size_t>(count * spec().observation_dim));
  members_->results.resize(static_cast<std::size_t>(count));
  members_->begin_at_current();
}

VectorEnvironment::~VectorEnvironment() = default;

std::int64_t VectorEnvironment::count() const { return members_->count(); }

const EnvironmentSpec& VectorEnvironment::spec() const {
  return members_->environments.front()->spec();
}

void VectorEnvironment::reset() {
  parallel_over(count(), [this](std::int64_t i) { members_->environment(i).reset(); });
  members_->begin_at_current();
}

void VectorEnvironment::step(const double* actions) {
  Members& members = *members_;
  parallel_over(count(), [&members, actions](std::int64_t i) {
    Environment& environment = members.environment(i);
    const StepResult result = environment.step(actions + i * members.action_dim);
    members.results[static_cast<std::size_t>(i)] = result;
    members.copy_observation(i, members.final_observations);
    if (result.over()) environment.reset();
    members.copy_observation(i, members.observations);
  });
}

const std::vector<double>& VectorEnvironment::observations() const {
  return members_->observations;
}

const std::vector<double>& VectorEnvironment::final_observations() const {
  return members_->final_observations;
}

const std::vector<StepResult>& VectorEnvironment::results() const { return members_->results; }

std::vector<EnvironmentState> VectorEnvironment::states() const {
  std::vector<EnvironmentState> states;
  states.reserve(members_->environments.size());
  for (const auto& environment : members_->environments) states.push_back(environment->state());
  return states;
}

void VectorEnvironment::restore(const std::vector<EnvironmentState>& states) {
  const auto given = static_cast<std::int64_t>(states.size());
  require(given == count(),
          "states of {} environments cannot be restored into {}; make as many as were saved", given,
          count());
  const std::vector<EnvironmentState> before = this->states();
  std::int64_t next = 0;
  try {
    for (; next < given; ++next) {
      members_->environment(next).restore(states[static_cast<std::size_t>(next)]);
    }
  } catch (...) {
    while (--next >= 0) {
      members_->environment(next).restore(before[static_cast<std::size_t>(next)]);
    }
    throw;
  }
  members_->begin_at_current();
}

const Environment& VectorEnvironment::at(std::int64_t index) const {
  require(index >= 0 && index < count(), "environment {} of {} was asked for; they count from 0",
          index, count());
  return *members_->environments[static_cast<std::size_t>(index)];
}

}  // namespace ergon
