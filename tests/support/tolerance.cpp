#include "support/tolerance.hpp"

#include <cstdlib>

#include "ergon/core/errors.hpp"

namespace ergon::testing {
namespace {

double scale() {
  static const double value = [] {
    const char* text = std::getenv("ERGON_TEST_TOLERANCE_SCALE");
    if (text == nullptr || *text == '\0') return 1.0;
    char* end = nullptr;
    const double parsed = std::strtod(text, &end);
    require(*end == '\0' && parsed >= 0,
            "ERGON_TEST_TOLERANCE_SCALE must be a number not below zero, got '{}'", text);
    return parsed;
  }();
  return value;
}

}  // namespace

template <>
double tolerance<float>() {
  return 1e-5 * scale();
}

template <>
double tolerance<double>() {
  return 1e-10 * scale();
}

double tolerance(c10::ScalarType type) {
  if (type == c10::ScalarType::Float) return tolerance<float>();
  if (type == c10::ScalarType::Double) return tolerance<double>();
  fail("there is no tolerance for elements of type {}", c10::toString(type));
}

}  // namespace ergon::testing
