#pragma once

#include <cstdint>

namespace ergon {

/// The loop around an agent.
struct TrainingOptions {
  std::int64_t steps = 1000000;        ///< environment steps in all, >= 1
  std::int64_t random_steps = 10000;   ///< first steps with uniform actions, >= 0
  std::int64_t update_after = 1000;    ///< no updates before this many steps, >= 1
  std::int64_t update_every = 1;       ///< steps between two rounds of updates, >= 1
  std::int64_t updates_per_round = 0;  ///< 0: as many as steps lie between two rounds
  std::int64_t replay = 1000000;       ///< transitions kept, >= 1
  std::int64_t environments = 1;  ///< that step together, >= 1; each step of all counts so many
  std::int64_t evaluate_every = 5000;  ///< steps between two evaluations, >= 0 (0: only at the end)
  std::int64_t evaluation_episodes = 10;  ///< of each kind in an evaluation, >= 1

  /// Throws InvalidInput naming field, value and the rule it breaks.
  void validate() const;
};

/// Calls visit(name, reference, help) for every field.
template <class Self, class Visitor>
void visit_training_fields(Self& self, Visitor&& visit) {
  visit("steps", self.steps, "steps of the environment in all");
  visit("random-steps", self.random_steps, "first steps, with uniform actions");
  visit("update-after", self.update_after, "no updates before this many steps");
  visit("update-every", self.update_every, "steps between two rounds of updates");
  visit("updates-per-round", self.updates_per_round,
        "updates in a round (0: as many as steps between two rounds)");
  visit("replay", self.replay, "transitions that are kept");
  visit("environments", self.environments, "environments that step together");
  visit("evaluate-every", self.evaluate_every,
        "steps between two evaluations (0: only at the end)");
  visit("evaluation-episodes", self.evaluation_episodes,
        "episodes of an evaluation, of each kind: deterministic and stochastic");
}

}  // namespace ergon
