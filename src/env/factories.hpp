#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ergon/env/environment.hpp"

namespace ergon::internal {

/// Makes an environment from a spec whose name, summary, rules, limit, threshold and model are
/// filled in; the rest (dimensions, action range, seconds per step, model hash) is the factory's.
/// `version` is the number behind "-v".
using EnvironmentFactory = std::unique_ptr<Environment> (*)(EnvironmentSpec spec, int version);

std::unique_ptr<Environment> make_walker2d(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_hopper(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_half_cheetah(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_ant(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_humanoid(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_swimmer(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_reacher(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_inverted_pendulum(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_inverted_double_pendulum(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_pendulum(EnvironmentSpec spec, int version);
std::unique_ptr<Environment> make_multigoal(EnvironmentSpec spec, int version);

/// One version of a family: "Walker2d-v4" is {4, what its rules are}.
struct EnvironmentVersion {
  int number = 0;
  std::string rules;
};

/// A row of the registry: environments that differ by their version alone.
struct EnvironmentFamily {
  std::string name;     ///< "Walker2d"
  std::string summary;  ///< EnvironmentSpec::summary
  std::int64_t max_episode_steps = 1000;
  std::optional<double> reward_threshold;
  std::string model;  ///< file under assets/mujoco, or empty; a factory may take another
  EnvironmentFactory make = nullptr;
  std::vector<EnvironmentVersion> versions;
};

/// The rows on MuJoCo (mujoco_families.cpp).
std::vector<EnvironmentFamily> mujoco_families();
/// The rows without MuJoCo: pendulum and multigoal planes (plane_families.cpp).
std::vector<EnvironmentFamily> plane_families();

/// All rows, in the order of `ergon envs` (registry.cpp).
const std::vector<EnvironmentFamily>& environment_families();

}  // namespace ergon::internal
