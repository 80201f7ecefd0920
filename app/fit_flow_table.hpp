#pragma once

#include <string>

#include "ergon/core/option_json.hpp"

namespace ergon::app {

/// The short table that `ergon fit-flow` prints, from its result.json.
std::string fit_flow_table(const Json& result, const std::string& folder);

}  // namespace ergon::app
