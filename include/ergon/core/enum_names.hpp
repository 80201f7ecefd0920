#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ergon/core/errors.hpp"

namespace ergon {

/// One alternative of a choice: its value, the word a person types, and what it means.
template <class Enum>
struct EnumName {
  Enum value;
  std::string_view name;
  std::string_view meaning;
};

/// The words of an enumeration. Every enum that is an option specialises it next to its
/// declaration:
///   template <> struct EnumNames<Clamp> { static const std::vector<EnumName<Clamp>>& all(); };
template <class Enum>
struct EnumNames;

/// The word for a value.
template <class Enum>
std::string_view to_name(Enum value) {
  for (const auto& entry : EnumNames<Enum>::all()) {
    if (entry.value == value) return entry.name;
  }
  ERGON_CHECK(false, "enumerator {} has no name", static_cast<int>(value));
}

/// The words of an enumeration, "a, b, c".
template <class Enum>
std::string list_names() {
  std::string text;
  for (const auto& entry : EnumNames<Enum>::all()) {
    if (!text.empty()) text += ", ";
    text += entry.name;
  }
  return text;
}

/// The value for a word. Throws InvalidInput that names the option and lists the alternatives.
template <class Enum>
Enum from_name(std::string_view option, std::string_view name) {
  for (const auto& entry : EnumNames<Enum>::all()) {
    if (entry.name == name) return entry.value;
  }
  fail("{}: unknown choice '{}'; choose one of: {}", option, name, list_names<Enum>());
}

}  // namespace ergon
