#pragma once

#include "field.hpp"

namespace ergon::app {

/// An option under its heading in the help.
template <class Value>
Field option_field(const char* group, const char* name, Value& value, const char* help) {
  Field field = make_field(name, value);
  field.group = group;
  field.help = help;
  return field;
}

}  // namespace ergon::app
