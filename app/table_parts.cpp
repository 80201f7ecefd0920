#include "table_parts.hpp"

#include <fmt/format.h>

#include "command_line.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

std::string interval(const Json& value) {
  if (!value.is_array()) return "-";
  return fmt::format("{} to {}", number(value[0]), number(value[1]));
}

}  // namespace

std::string number(const Json& value) {
  return value.is_number() ? fmt::format("{:.5g}", value.get<double>()) : "-";
}

std::string estimate_header() {
  return fmt::format(kEstimateColumns, "", "estimate", "s.e.", "95 % interval", "known",
                     "error / s.e.");
}

std::string estimate_line(const char* label, const Json& estimate, const Json& known) {
  if (!estimate.is_object() || !estimate.at("estimate").is_number()) return "";
  return fmt::format(kEstimateColumns, label, number(estimate.at("estimate")),
                     number(estimate.at("standard_error")), interval(estimate.at("interval")),
                     number(known), standardized_error(estimate, known));
}

std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (auto place = static_cast<std::int64_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), " ");
  }
  return digits;
}

std::string labelled_line(const char* label, const std::string& text) {
  return fmt::format("{:<16}{}\n", label, wrap(text, 84, 16));
}

}  // namespace ergon::app
