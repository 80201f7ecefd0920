#pragma once

#include <optional>
#include <string>

#include "ergon/core/option_json.hpp"

/// What the results of all engines are made of; free of libtorch.
namespace ergon::app {

/// null for NaN and infinity, which have no place in JSON.
Json number(double value);
Json number(const std::optional<double>& value);

/// Now, ISO 8601.
std::string utc_now();

/// The block "machine": cpu, cores, memory_gib, system.
Json machine_json();
/// The head of the block "versions": ergon, revision. "compiler" ends it.
Json ergon_versions_json();

}  // namespace ergon::app
