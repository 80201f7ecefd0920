#include "ergon/rl/training_options.hpp"

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

void require_at_least(const char* option, std::int64_t value, std::int64_t least) {
  require(value >= least, "--{} must be at least {}, got {}", option, least, value);
}

}  // namespace

void TrainingOptions::validate() const {
  require_at_least("steps", steps, 1);
  require_at_least("random-steps", random_steps, 0);
  require_at_least("update-after", update_after, 1);
  require_at_least("update-every", update_every, 1);
  require_at_least("updates-per-round", updates_per_round, 0);
  require_at_least("replay", replay, 1);
  require_at_least("environments", environments, 1);
  require_at_least("evaluate-every", evaluate_every, 0);
  require_at_least("evaluation-episodes", evaluation_episodes, 1);
}

}  // namespace ergon
