#pragma once

#include <string>
#include <vector>

#include "ergon/core/option_json.hpp"
#include "figure_parts.hpp"

namespace ergon::app {

/// report.html: the numbers of result.json and the pictures on one self-contained page.
std::string flow_report_html(const Json& result, const std::vector<Picture>& pictures);

}  // namespace ergon::app
