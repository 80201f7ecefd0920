#pragma once

#include <string>

#include "ergon/core/option_json.hpp"

namespace ergon::app {

/// Which environments to describe; the engine knows them.
struct EnvsRequest {
  std::string name;            ///< one of them, a family such as "Hopper", or empty: all
  Json environments;           ///< filled in: one object each
  std::string mujoco_version;  ///< filled in
};

inline constexpr const char* kEnvsSymbol = "ergon_rl_engine_envs";

}  // namespace ergon::app
