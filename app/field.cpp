#include "field.hpp"

#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace ergon::app {
namespace {

template <class Integer>
bool parses_as(const std::string& word, Integer& value) {
  const char* end = word.data() + word.size();
  const auto result = std::from_chars(word.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

bool parses_as_number(const std::string& word, double& value) {
  const char* begin = word.data();
  const char* end = begin + word.size();
  if (begin != end && *begin == '+') ++begin;
  const auto result = std::from_chars(begin, end, value);
  return result.ec == std::errc() && result.ptr == end && std::isfinite(value);
}

std::vector<std::string> split_list(const std::string& word) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : word + ",") {
    if (c == ',' || c == ' ' || c == '[' || c == ']') {
      if (!part.empty()) parts.push_back(part);
      part.clear();
    } else {
      part += c;
    }
  }
  return parts;
}

Field with_setter(std::string name,
                  std::string value_word,
                  std::string default_text,
                  std::function<void(const std::string&)> set) {
  Field field;
  field.name = std::move(name);
  field.value_word = std::move(value_word);
  field.default_text = std::move(default_text);
  field.set = std::move(set);
  return field;
}

}  // namespace

std::int64_t parse_integer(const std::string& option, const std::string& word) {
  std::int64_t value = 0;
  require(parses_as(word, value), "--{}: '{}' is not a whole number", option, word);
  return value;
}

std::uint64_t parse_seed(const std::string& option, const std::string& word) {
  std::uint64_t value = 0;
  require(parses_as(word, value), "--{}: '{}' is not a whole number between 0 and {}", option, word,
          std::numeric_limits<std::uint64_t>::max());
  return value;
}

double parse_number(const std::string& option, const std::string& word) {
  double value = 0.0;
  require(parses_as_number(word, value), "--{}: '{}' is not a finite number", option, word);
  return value;
}

std::vector<double> parse_numbers(const std::string& option, const std::string& word) {
  std::vector<double> values;
  for (const auto& part : split_list(word)) {
    double value = 0.0;
    require(parses_as_number(part, value),
            "--{}: '{}' is not a finite number; numbers are separated by commas", option, part);
    values.push_back(value);
  }
  require(!values.empty(), "--{}: needs at least one number", option);
  return values;
}

std::vector<std::int64_t> parse_integers(const std::string& option, const std::string& word) {
  std::vector<std::int64_t> values;
  for (const auto& part : split_list(word)) {
    std::int64_t value = 0;
    require(parses_as(part, value),
            "--{}: '{}' is not a whole number; numbers are separated by commas", option, part);
    values.push_back(value);
  }
  require(!values.empty(), "--{}: needs at least one number", option);
  return values;
}

bool parse_switch(const std::string& option, const std::string& word) {
  if (word.empty() || word == "true") return true;
  require(word == "false", "--{}: '{}' is neither true nor false", option, word);
  return false;
}

std::string number_text(double value) { return fmt::format("{:.6g}", value); }

std::string numbers_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    if (!text.empty()) text += ",";
    text += number_text(value);
  }
  return text;
}

std::string integers_text(const std::vector<std::int64_t>& values) {
  return fmt::format("{}", fmt::join(values, ","));
}

Field make_field(std::string name, std::int64_t& target) {
  return with_setter(
      name, "COUNT", fmt::format("{}", target),
      [name, &target](const std::string& word) { target = parse_integer(name, word); });
}

Field make_field(std::string name, std::uint64_t& target) {
  return with_setter(name, "COUNT", fmt::format("{}", target),
                     [name, &target](const std::string& word) { target = parse_seed(name, word); });
}

Field make_field(std::string name, int& target) {
  return with_setter(
      name, "COUNT", fmt::format("{}", target), [name, &target](const std::string& word) {
        const std::int64_t value = parse_integer(name, word);
        require(value >= 1 && value <= 1024, "--{}: {} is not between 1 and 1024", name, value);
        target = static_cast<int>(value);
      });
}

Field make_field(std::string name, double& target) {
  return with_setter(name, "NUMBER", number_text(target), [name, &target](const std::string& word) {
    target = parse_number(name, word);
  });
}

Field make_field(std::string name, bool& target) {
  return with_setter(name, "", "", [name, &target](const std::string& word) {
    target = parse_switch(name, word);
  });
}

Field make_field(std::string name, std::string& target) {
  return with_setter(name, "TEXT", target, [name, &target](const std::string& word) {
    require(!word.empty(), "--{}: is empty", name);
    target = word;
  });
}

Field make_field(std::string name, std::vector<double>& target) {
  return with_setter(
      name, "NUMBERS", numbers_text(target),
      [name, &target](const std::string& word) { target = parse_numbers(name, word); });
}

Field make_field(std::string name, std::vector<std::int64_t>& target) {
  return with_setter(
      name, "COUNTS", integers_text(target),
      [name, &target](const std::string& word) { target = parse_integers(name, word); });
}

}  // namespace ergon::app
