#pragma once

#include <string>
#include <vector>

#include "engine_parts/page_parts.hpp"

/// What the reports of all commands are made of.
namespace ergon::app {

inline const std::vector<std::string> kEstimateHeader = {
    "", "estimate", "standard error", "95 % interval", "known", "error / s.e.", "method"};
/// Appends one of a result's estimates beside the known value; nothing for null.
void append_estimate(const std::string& label, const Json& estimate, const Json& known, Rows& rows);
/// Appends log Z, entropy, ELBO and EUBO of `estimates`, a result or a block of it, beside what
/// `target` knows.
void append_estimates(const Json& estimates,
                      const Json& target,
                      const std::string& suffix,
                      Rows& rows);

}  // namespace ergon::app
