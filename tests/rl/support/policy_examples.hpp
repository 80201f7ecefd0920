#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ergon/rl/mlp.hpp"
#include "ergon/rl/policy_file.hpp"

/// Policies with random parameters, and where they are asked, for tests of what exports them.
namespace ergon::testing {

struct PolicyCase {
  MlpActivation activation;
  LogStddevMap map;
};

inline std::vector<PolicyCase> policy_cases() {
  return {{MlpActivation::kRelu, LogStddevMap::kClip}, {MlpActivation::kRelu, LogStddevMap::kTanh},
          {MlpActivation::kTanh, LogStddevMap::kClip}, {MlpActivation::kTanh, LogStddevMap::kTanh},
          {MlpActivation::kElu, LogStddevMap::kClip},  {MlpActivation::kElu, LogStddevMap::kTanh}};
}

inline std::string case_name(const ::testing::TestParamInfo<PolicyCase>& info) {
  return std::string(to_name(info.param.activation)) + "_" + std::string(to_name(info.param.map));
}

/// Three layers of unlike widths, a range that is not symmetric, bounds of the log standard
/// deviation that are reached.
inline PolicyDescription example_policy(const PolicyCase& which, std::uint64_t seed = 1) {
  PolicyDescription policy;
  policy.environment = "Hopper-v4";
  policy.algorithm = "sac";
  policy.steps = 12345;
  policy.seed = seed;
  policy.model_hash = "00ff";
  policy.action_low = {-1, -0.25, 2};
  policy.action_high = {1, 0.5, 10};
  policy.shape = {5, {24, 17}, 6, which.activation};
  policy.log_stddev_map = which.map;
  policy.log_stddev_low = -1.25;
  policy.log_stddev_high = 0.125;
  policy.parameters.resize(static_cast<std::size_t>(policy.shape.parameter_count()));
  Pcg64 random(seed);
  for (float& number : policy.parameters) number = static_cast<float>(0.5 * random.normal());
  return policy;
}

/// Random observations around zero, of sizes from 1e-3 to 1e4.
inline std::vector<std::vector<double>> observations_for(const PolicyDescription& policy) {
  std::vector<std::vector<double>> all;
  Pcg64 random(7);
  for (const double size : {1e-3, 0.1, 1.0, 10.0, 1e4}) {
    for (int repeat = 0; repeat < 8; ++repeat) {
      std::vector<double> one(static_cast<std::size_t>(policy.observation_dim()));
      for (double& number : one) number = static_cast<float>(size * random.normal());
      all.push_back(one);
    }
  }
  return all;
}

/// What Policy::act gives, in the environment's range; `random` untouched when deterministic.
inline std::vector<double> acted(Policy& policy,
                                 const PolicyDescription& description,
                                 const std::vector<double>& observation,
                                 ActionMode mode,
                                 Pcg64& random) {
  std::vector<double> action(static_cast<std::size_t>(description.action_dim()));
  policy.act(observation.data(), mode, random, action.data());
  for (std::size_t i = 0; i < description.action_low.size(); ++i)
    action[i] = scale_action(action[i], description.action_low[i], description.action_high[i]);
  return action;
}

/// Means, then raw log standard deviations.
inline std::vector<float> network_output(const PolicyDescription& policy,
                                         const std::vector<double>& observation) {
  MlpSingle<float> network(policy.shape, policy.parameters.data());
  const std::vector<float> input(observation.begin(), observation.end());
  std::vector<float> output(static_cast<std::size_t>(policy.shape.output));
  network.evaluate(input.data(), output.data());
  return output;
}

}  // namespace ergon::testing
