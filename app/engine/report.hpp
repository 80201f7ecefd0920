#pragma once

#include <string>
#include <vector>

#include "pictures.hpp"

namespace ergon::app {

/// report.html: the numbers of result.json and the pictures on one self-contained page.
std::string report_html(const Json& result, const std::vector<Picture>& pictures);

}  // namespace ergon::app
