#pragma once

#include <string>
#include <string_view>

namespace ergon::internal {

/// "<" as "&lt;" and so on, for text inside an XML or HTML element or attribute. Control
/// characters, which neither allows, become spaces.
std::string escape_markup(std::string_view text);

}  // namespace ergon::internal
