#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ergon/env/environment.hpp"
#include "ergon/rl/agent.hpp"
#include "ergon/rl/mlp_options.hpp"
#include "ergon/rl/sac_options.hpp"

namespace ergon {

/// All that a trained Gaussian policy is: what files hold and exports write.
struct PolicyDescription {
  std::string environment;  ///< "Walker2d-v4"
  std::string algorithm;    ///< "sac"
  std::int64_t steps = 0;   ///< of training
  std::uint64_t seed = 0;
  std::string model_hash;           ///< of the environment, or empty
  std::vector<double> action_low;   ///< (action_dim); both empty where nothing is known of it
  std::vector<double> action_high;  ///< (action_dim)
  MlpShape shape;  ///< output: 2 x action_dim, means then raw log standard deviations
  LogStddevMap log_stddev_map = LogStddevMap::kClip;
  double log_stddev_low = -20.0;
  double log_stddev_high = 2.0;
  std::vector<float> parameters;  ///< as MlpShape lays them out
  std::int64_t observation_dim() const { return shape.input; }
  std::int64_t action_dim() const { return shape.output / 2; }
};

/// The policy's arrays, "policy.0.weight" (out x in), "policy.0.bias", …, and words for the rest
/// ("policy.environment", …). `policy` must live until the file is saved. Throws InvalidInput for a
/// description whose sizes do not fit each other.
void add_policy(const PolicyDescription& policy, SafetensorsWriter& file);
/// Back from a file that holds them. Throws InvalidInput naming the path.
PolicyDescription read_policy(const SafetensorsFile& file);

/// Writes agent.safetensors: the above alone, so that Python's safetensors reads what a PyTorch
/// model needs.
void save_policy_file(const PolicyDescription& policy, const std::string& path);
/// Throws InvalidInput naming the path: not a file of ours, damaged, sizes that do not fit.
PolicyDescription load_policy_file(const std::string& path);
/// What acts as described; in (-1, 1).
std::unique_ptr<Policy> make_policy(const PolicyDescription& policy);

}  // namespace ergon
