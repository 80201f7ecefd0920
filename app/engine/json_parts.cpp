#include "json_parts.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "ergon/core/machine.hpp"

namespace ergon::app {
namespace {

Json to_json(const Interval& interval) {
  if (!std::isfinite(interval.lower) || !std::isfinite(interval.upper)) return nullptr;
  return Json::array({interval.lower, interval.upper});
}

}  // namespace

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

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

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void add_origin(const Runtime& runtime, Json& json) {
  const Machine machine = describe_machine();
  json["versions"] = {{"ergon", machine.ergon_version},
                      {"revision", machine.ergon_revision},
                      {"libtorch", runtime.torch_version},
                      {"blas", runtime.blas},
                      {"compiler", machine.compiler}};
  json["machine"] = {{"cpu", machine.cpu},
                     {"cores", machine.cores},
                     {"memory_gib", machine.memory_gib},
                     {"system", machine.system}};
}

}  // namespace ergon::app
