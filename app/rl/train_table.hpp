#pragma once

#include <string>

#include "ergon/core/option_json.hpp"

namespace ergon::app {

/// The short table that `ergon rl train` prints, from its result.json.
std::string train_table(const Json& result, const std::string& folder);

}  // namespace ergon::app
