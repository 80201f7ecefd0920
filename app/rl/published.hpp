#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/option_json.hpp"

/// Returns that others have published: assets/published/*.json, built into the program.
namespace ergon::app {

struct PublishedReturn {
  std::string environment;  ///< "Walker2d-v2"
  std::string algorithm;    ///< "SAC"
  std::string name;         ///< whose
  std::string protocol;     ///< what was measured, in words
  std::string source;       ///< where that is said
  std::int64_t step = 0;    ///< of training
  double value = 0.0;
  std::optional<std::pair<double, double>> interval;
  std::optional<double> spread;     ///< what stands after a "±" there
  std::vector<std::int64_t> steps;  ///< of the learning curve; both empty: none is published
  std::vector<double> returns;
};

/// "Walker2d-v4" -> "Walker2d": versions differ in rules, but are compared with each other.
std::string environment_family(const std::string& environment);

/// Those of the environment in all its versions.
std::vector<PublishedReturn> published_returns(const std::string& environment);

Json to_json(const PublishedReturn& published);

/// The files of assets/published by name; the source is written at build time
/// (cmake/embed_texts.cmake).
const std::map<std::string, std::string>& published_texts();

}  // namespace ergon::app
