#pragma once

#include "program.hpp"

namespace ergon::testing {

/// What is wrong with a result.json against docs/result_schema.md, one sentence each; empty when
/// nothing is.
Words schema_offences(const Json& result);

/// Names of all keys of the result outside `options`, which repeats the command line.
Words documented_keys(const Json& result);

/// Without what differs between two runs that compute the same: seconds and date.
Json without_times(Json result);

}  // namespace ergon::testing
