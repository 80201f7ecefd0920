#pragma once

#include <string>

#include "ergon/rl/policy_file.hpp"

namespace ergon {

/// Writes a policy as TorchScript, for libtorch (torch::jit::load) and Python (torch.jit.load).
/// float32; `.to(...)` moves it to another type or device, and observations of another type are
/// converted. Observations are (…, observation_dim), actions and noise (…, action_dim), with any
/// leading sizes:
///   forward(observation) -> action, tanh of the mean, without noise;
///   sample(observation, noise) -> action, noise being standard normal;
///   distribution(observation) -> (mean, log_stddev) of the Gaussian before the tanh
///     (docs/maths/sac.md, eqs. 1-3).
/// Actions are in the environment's own range, or in (-1, 1) where the description knows none.
/// Attributes: environment, algorithm, steps, seed (a string, being of 64 bits), model_hash,
/// observation_dim, action_dim. Throws InvalidInput: a description whose sizes do not fit each
/// other, a path that cannot be written.
void export_policy_script(const PolicyDescription& policy, const std::string& path);

}  // namespace ergon
