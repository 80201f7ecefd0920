#include "json_parts.hpp"

#include <algorithm>
#include <cmath>

#include "ergon/core/machine.hpp"

namespace ergon::app {
namespace {

Json to_json(const Interval& interval) {
  if (!std::isfinite(interval.lower) || !std::isfinite(interval.upper)) return nullptr;
  return Json::array({interval.lower, interval.upper});
}

}  // namespace

Json shape(const std::optional<double>& k) {
  constexpr double kEndless = 1e9;
  return k ? number(std::clamp(*k, -kEndless, kEndless)) : Json(nullptr);
}

Json to_json(const std::optional<Estimate>& estimate) {
  if (!estimate) return nullptr;
  return {{"estimate", number(estimate->value)},
          {"standard_error", number(estimate->standard_error)},
          {"interval", to_json(estimate->interval)},
          {"method", estimate->method}};
}

Json to_json(const EvaluationCounts& counts) {
  return {{"log_density", counts.log_density},
          {"gradient", counts.gradient},
          {"hessian_vector", counts.hessian_vector}};
}

void add_origin(const Runtime& runtime, Json& json) {
  Json versions = ergon_versions_json();
  versions["libtorch"] = runtime.torch_version;
  versions["blas"] = runtime.blas;
  versions["compiler"] = describe_machine().compiler;
  json["versions"] = versions;
  json["machine"] = machine_json();
}

}  // namespace ergon::app
