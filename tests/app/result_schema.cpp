#include "result_schema.hpp"

#include <functional>
#include <map>

namespace ergon::testing {
namespace {

enum class Kind {
  kText,
  kNumber,
  kNumberOrNull,
  kCount,
  kCountOrNull,
  kList,
  kListOrNull,
  kObject,
  kObjectOrNull,
  kEstimateOrNull,
  kTextOrNull
};

bool is_estimate(const Json& json) {
  const Json interval = json.is_object() ? json.value("interval", Json()) : Json();
  const bool two_numbers = interval.is_array() && interval.size() == 2 && interval[0].is_number() &&
                           interval[1].is_number();
  return json.is_object() && json.size() == 4 && json.contains("interval") &&
         (interval.is_null() || two_numbers) && json.contains("estimate") &&
         (json["estimate"].is_number() || json["estimate"].is_null()) &&
         json.contains("standard_error") &&
         (json["standard_error"].is_number() || json["standard_error"].is_null()) &&
         json.contains("method") && json["method"].is_string();
}

bool is_of(const Json& json, Kind kind) {
  switch (kind) {
    case Kind::kText:
      return json.is_string();
    case Kind::kNumber:
      return json.is_number();
    case Kind::kNumberOrNull:
      return json.is_number() || json.is_null();
    case Kind::kCount:
      return json.is_number_integer() && json >= 0;
    case Kind::kCountOrNull:
      return json.is_null() || (json.is_number_integer() && json >= 0);
    case Kind::kListOrNull:
      return json.is_array() || json.is_null();
    case Kind::kTextOrNull:
      return json.is_string() || json.is_null();
    case Kind::kList:
      return json.is_array();
    case Kind::kObject:
      return json.is_object();
    case Kind::kObjectOrNull:
      return json.is_object() || json.is_null();
    case Kind::kEstimateOrNull:
      return json.is_null() || is_estimate(json);
  }
  return false;
}

using Shape = std::vector<std::pair<std::string, Kind>>;

const Shape kTop = {{"schema", Kind::kText},
                    {"status", Kind::kText},
                    {"target", Kind::kObject},
                    {"sampler", Kind::kObject},
                    {"estimate", Kind::kTextOrNull},
                    {"log_z", Kind::kEstimateOrNull},
                    {"entropy", Kind::kEstimateOrNull},
                    {"elbo", Kind::kEstimateOrNull},
                    {"eubo", Kind::kEstimateOrNull},
                    {"ess_share", Kind::kNumberOrNull},
                    {"pareto_k", Kind::kNumberOrNull},
                    {"draws", Kind::kCountOrNull},
                    {"nonfinite_draws", Kind::kCountOrNull},
                    {"particles", Kind::kObjectOrNull},
                    {"chains", Kind::kObjectOrNull},
                    {"stein_residual", Kind::kNumberOrNull},
                    {"acceptance", Kind::kNumberOrNull},
                    {"moments", Kind::kObjectOrNull},
                    {"metrics", Kind::kListOrNull},
                    {"target_evaluations", Kind::kObject},
                    {"fit", Kind::kObjectOrNull},
                    {"warnings", Kind::kList},
                    {"seconds", Kind::kNumber},
                    {"seed", Kind::kCount},
                    {"date", Kind::kText},
                    {"versions", Kind::kObject},
                    {"machine", Kind::kObject},
                    {"options", Kind::kObject}};

const std::map<std::string, Shape> kInner = {
    {"target",
     {{"name", Kind::kText},
      {"dim", Kind::kCount},
      {"log_z", Kind::kNumberOrNull},
      {"log_z_standard_error", Kind::kNumberOrNull},
      {"entropy", Kind::kNumberOrNull}}},
    {"sampler",
     {{"name", Kind::kText},
      {"particles", Kind::kCount},
      {"sets", Kind::kCount},
      {"steps_taken", Kind::kCount},
      {"density", Kind::kTextOrNull},
      {"precision", Kind::kText}}},
    {"particles",
     {{"log_z", Kind::kEstimateOrNull},
      {"entropy", Kind::kEstimateOrNull},
      {"elbo", Kind::kEstimateOrNull},
      {"ess_share", Kind::kNumberOrNull},
      {"density", Kind::kText}}},
    {"chains",
     {{"r_hat_max", Kind::kNumberOrNull},
      {"bulk_ess_min", Kind::kNumberOrNull},
      {"tail_ess_min", Kind::kNumberOrNull},
      {"mean_ess_min", Kind::kNumberOrNull},
      {"draws", Kind::kCount},
      {"chains", Kind::kCount},
      {"acceptance_forward", Kind::kNumberOrNull},
      {"acceptance_inverse", Kind::kNumberOrNull},
      {"acceptance_refresh", Kind::kNumberOrNull},
      {"swap_share", Kind::kNumberOrNull},
      {"swap_acceptance", Kind::kNumberOrNull},
      {"tree_depth", Kind::kNumberOrNull},
      {"divergent", Kind::kCount}}},
    {"moments",
     {{"of", Kind::kText},
      {"mean", Kind::kList},
      {"stddev", Kind::kList},
      {"mean_standard_error", Kind::kListOrNull}}},
    {"target_evaluations",
     {{"log_density", Kind::kCount}, {"gradient", Kind::kCount}, {"hessian_vector", Kind::kCount}}},
    {"fit",
     {{"iterations", Kind::kCount},
      {"objective", Kind::kNumberOrNull},
      {"skipped", Kind::kCount},
      {"target_evaluations", Kind::kObject},
      {"seconds", Kind::kNumber}}},
    {"versions",
     {{"ergon", Kind::kText},
      {"revision", Kind::kText},
      {"libtorch", Kind::kText},
      {"blas", Kind::kText},
      {"compiler", Kind::kText}}},
    {"machine",
     {{"cpu", Kind::kText},
      {"cores", Kind::kCount},
      {"memory_gib", Kind::kNumber},
      {"system", Kind::kText}}},
    {"options",
     {{"target", Kind::kObject},
      {"sampler", Kind::kObject},
      {"flow", Kind::kObjectOrNull},
      {"fit", Kind::kObject},
      {"estimate", Kind::kObject},
      {"run", Kind::kObject}}}};

void check(const Json& json, const Shape& shape, const std::string& where, Words& offences) {
  for (const auto& [key, kind] : shape) {
    if (!json.contains(key)) {
      offences.push_back(where + " lacks " + key);
    } else if (!is_of(json[key], kind)) {
      offences.push_back(where + "/" + key + " is " + json[key].dump());
    }
  }
}

}  // namespace

Words schema_offences(const Json& result) {
  Words offences;
  check(result, kTop, "", offences);
  if (!offences.empty()) return offences;
  if (result["schema"] != "ergon-sample-result/2")
    offences.push_back("schema is " + result["schema"].dump());
  for (const auto& [key, shape] : kInner) {
    if (result[key].is_object()) check(result[key], shape, "/" + key, offences);
  }
  for (const auto& [key, value] : result.items()) {
    bool known = false;
    for (const auto& entry : kTop) known = known || entry.first == key;
    if (!known) offences.push_back("undocumented key " + key);
  }
  return offences;
}

Words documented_keys(const Json& result) {
  Words keys;
  std::function<void(const Json&)> collect = [&](const Json& json) {
    if (!json.is_object()) return;
    for (const auto& [key, value] : json.items()) {
      keys.push_back(key);
      if (key != "options") collect(value);
    }
  };
  collect(result);
  return keys;
}

Json without_times(Json result) {
  result.erase("seconds");
  result.erase("date");
  if (result["fit"].is_object()) result["fit"].erase("seconds");
  return result;
}

}  // namespace ergon::testing
