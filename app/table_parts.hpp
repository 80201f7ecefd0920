#pragma once

#include <cstdint>
#include <string>

#include "ergon/core/option_json.hpp"

/// What the printed tables of all commands are made of.
namespace ergon::app {

/// Label, estimate, standard error, interval, known value, error in standard errors.
inline constexpr const char* kEstimateColumns = "{:<16}{:>12}{:>12}{:>28}{:>12}{:>14}\n";

/// Five digits, or "-".
std::string number(const Json& value);
std::string estimate_header();
/// A line for an estimate of a result.json; empty where there is none.
std::string estimate_line(const char* label, const Json& estimate, const Json& known);
/// 12345678 to "12 345 678".
std::string grouped(std::int64_t value);
/// A label and a text, which is broken into lines.
std::string labelled_line(const char* label, const std::string& text);

}  // namespace ergon::app
