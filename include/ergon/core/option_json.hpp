#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/enum_names.hpp"

/// Options to JSON and back through the visit_*_fields functions: keys are the words of the command
/// line.
namespace ergon {

/// Insertion-ordered, so that files read in the order in which they were thought.
using Json = nlohmann::ordered_json;

inline Json to_json_value(std::int64_t value) { return value; }
inline Json to_json_value(double value) { return value; }
inline Json to_json_value(bool value) { return value; }
inline Json to_json_value(const std::string& value) { return value; }
inline Json to_json_value(const std::vector<double>& value) { return value; }
inline Json to_json_value(const std::vector<std::int64_t>& value) { return value; }
template <class Value>
Json to_json_value(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}
template <class Enum, class = std::enable_if_t<std::is_enum_v<Enum>>>
Json to_json_value(const Enum& value) {
  return std::string(to_name(value));
}

/// Visitor that writes every field.
struct JsonWriter {
  Json& json;
  template <class Value>
  void operator()(const char* name, const Value& value, const char*) {
    json[name] = to_json_value(value);
  }
};

/// Visitor that reads every field; throws InvalidInput naming `context` for a missing or ill-typed
/// one.
class JsonReader {
 public:
  JsonReader(const Json& json, std::string context) : json_(json), context_(std::move(context)) {}

  template <class Value>
  void operator()(const char* name, Value& value, const char*) {
    require(json_.is_object() && json_.contains(name), "{}: lacks the option '{}'", context_, name);
    try {
      read(name, json_.at(name), value);
    } catch (const nlohmann::json::exception&) {
      fail("{}: the option '{}' has the value {}, which it cannot take", context_, name,
           json_.at(name).dump());
    }
  }

 private:
  template <class Value>
  void read(const char*, const Json& json, std::optional<Value>& value) {
    value = json.is_null() ? std::nullopt : std::optional<Value>(json.get<Value>());
  }
  template <class Value>
  void read(const char* name, const Json& json, Value& value) {
    if constexpr (std::is_enum_v<Value>) {
      value = from_name<Value>(context_ + ": " + name, json.get<std::string>());
    } else {
      value = json.get<Value>();
    }
  }
  const Json& json_;
  std::string context_;
};

}  // namespace ergon
