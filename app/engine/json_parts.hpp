#pragma once

#include <optional>

#include "engine_parts/result_parts.hpp"
#include "ergon/core/runtime.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/estimate/estimate.hpp"

/// What the results of all commands are made of.
namespace ergon::app {

/// k̂, whose infinities say something: ±1e9, so that a reader's comparison does not take them for
/// nothing.
Json shape(const std::optional<double>& k);

/// {"estimate", "standard_error", "interval", "method"}, or null.
Json to_json(const std::optional<Estimate>& estimate);
Json to_json(const EvaluationCounts& counts);

/// Adds "versions" and "machine".
void add_origin(const Runtime& runtime, Json& json);

}  // namespace ergon::app
