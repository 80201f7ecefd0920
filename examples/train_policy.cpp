// Trains soft actor-critic on the pendulum in two seconds, writes the policy to a file, reads it
// back and lets it act: all that a program needs that trains or deploys a policy. No libtorch is
// involved.
#include <fmt/format.h>

#include <memory>

#include "ergon/core/denormals.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/env/environment.hpp"
#include "ergon/rl/evaluation.hpp"
#include "ergon/rl/policy_file.hpp"
#include "ergon/rl/sac.hpp"
#include "ergon/rl/training.hpp"

namespace {

ergon::SacOptions agent_options() {
  ergon::SacOptions options;
  options.actor_hidden = options.critic_hidden = {64, 64};
  options.batch = 100;
  options.actor_learning_rate = options.critic_learning_rate = 1e-3;
  options.temperature_learning_rate = 1e-3;
  return options;
}

ergon::TrainingOptions training_options() {
  ergon::TrainingOptions options;
  options.steps = 8000;
  options.random_steps = 500;
  options.update_after = 500;
  options.evaluate_every = 0;
  return options;
}

}  // namespace

int main() {
  const std::uint64_t seed = 0;
  ergon::flush_denormals();
  const auto make = [] { return ergon::make_environment({"Pendulum-v1"}); };
  const auto environment = make();
  const ergon::EnvironmentSpec& spec = environment->spec();

  auto agent = std::make_unique<ergon::Sac<float>>(spec.observation_dim, spec.action_dim,
                                                   agent_options(), seed);
  const ergon::Sac<float>& sac = *agent;
  ergon::Training training(make, std::move(agent), training_options(), seed);
  while (!training.done()) training.step();
  training.finish();

  ergon::PolicyDescription trained = sac.describe_policy();
  trained.environment = spec.name;
  trained.action_low = spec.action_low;
  trained.action_high = spec.action_high;
  ergon::save_policy_file(trained, "pendulum.safetensors");

  const auto policy = ergon::make_policy(ergon::load_policy_file("pendulum.safetensors"));
  const auto episodes =
      ergon::evaluate(*environment, *policy, ergon::ActionMode::kDeterministic, 20, seed);
  const ergon::MeanReturn result = ergon::mean_return(episodes);
  fmt::print("mean return of 20 episodes {:.0f} +- {:.0f}; untrained -1200, solved -150\n",
             result.mean, result.standard_error);
}
