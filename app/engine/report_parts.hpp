#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ergon/core/option_json.hpp"
#include "ergon/core/report.hpp"
#include "figure_parts.hpp"

/// What the reports of all commands are made of.
namespace ergon::app {

using Cells = std::vector<std::pair<std::string, std::string>>;
using Rows = std::vector<std::vector<std::string>>;

/// Six digits, the text itself, or a dash.
std::string text_of(const Json& value);

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

/// A block of the result as rows of names and values; blocks inside are left out.
Cells cells_of(const Json& block);

/// By its file's name: SVG, PNG or GIF.
void add_picture(Report& report, const Picture& picture);

/// The blocks `options`, `versions` and `machine`.
void add_settings_and_origin(Report& report, const Json& result);

}  // namespace ergon::app
