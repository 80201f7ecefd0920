#include "bench/records.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "studies/statistics.hpp"

namespace ergon::app {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kMetricKey = "metric_";
constexpr const char* kErrorEnding = "_standard_error";
constexpr const char* kFloorEnding = "_floor";

void put(Json& record, const std::string& key, const SeedMean& mean) {
  record[key] = finite(mean.value);
  record[key + kErrorEnding] = finite(mean.standard_error);
}

/// Of the mean over the runs, by their own standard errors.
double pooled_error(const CellGroup& finished, const std::string& pointer) {
  const std::vector<double> errors = numbers_at(finished, pointer);
  double squares = 0.0;
  for (const double error : errors) squares += error * error;
  return errors.empty() ? kNone : std::sqrt(squares) / static_cast<double>(errors.size());
}

SeedMean mean_of(const std::vector<double>& values, double otherwise) {
  return {mean(values), values.size() > 1 ? standard_error(values) : otherwise};
}

/// Whether the mean log-weight of the runs is a lower bound on log Z in expectation: weights under
/// the density that the draws really have. That tracked at the particles of P-SVGD and MET-SVGD is
/// of first order only, and its "ELBO" no bound.
bool elbo_is_bound(SamplerKind kind, const CellGroup& finished) {
  if (draws_independently(kind) || anneals(kind)) return true;
  return std::all_of(finished.begin(), finished.end(), [](const CellResult& cell) {
    return cell.result.at("estimate") == to_name(EstimateSource::kFlow);
  });
}

/// The user's, else the target's own, else that of the reference run.
void add_reference(const BenchLine& line, const CellGroup& finished, Json& record) {
  double value = line.pair.target.reference.value_or(kNone);
  double error = line.pair.target.reference_error;
  if (!line.pair.target.reference && !finished.empty()) {
    const Json& result = finished.front().result;
    value = number_at(result, "/target/log_z");
    error = number_at(result, "/target/log_z_standard_error");
    if (!std::isfinite(error)) error = 0.0;
  }
  const bool by_run = !std::isfinite(value) && line.pair.reference.log_z;
  if (by_run) {
    value = *line.pair.reference.log_z;
    error = line.pair.reference.log_z_error;
  }
  record["reference_by_run"] = by_run;
  record["reference"] = finite(value);
  record["reference_standard_error"] = std::isfinite(value) ? Json(error) : Json(nullptr);
}

/// Whether the runs' numbers rest on a density that is of first order in the step size.
bool is_approximate(SamplerKind kind, const CellGroup& finished) {
  return can_be_fitted(kind) && !elbo_is_bound(kind, finished);
}

/// log Z and bounds, with the errors that the runs report beside those over the seeds.
void add_estimates(const BenchLine& line, const CellGroup& finished, Json& record) {
  const SamplerKind kind = line.pair.settings.sampler.kind;
  record["estimate"] = finished.empty() ? Json(nullptr) : finished.front().result.at("estimate");
  record["elbo_is_bound"] = finished.empty() ? Json(nullptr) : Json(elbo_is_bound(kind, finished));
  record["approximate"] = finished.empty() ? Json(nullptr) : Json(is_approximate(kind, finished));
  for (const std::string key : {"log_z", "elbo", "eubo"}) {
    const std::string error = "/" + key + "/standard_error";
    put(record, key, mean_over_seeds(finished, "/" + key + "/estimate", error));
    record[key + "_reported_error"] = finite(pooled_error(finished, error));
  }
  const double reference = number_of(record.at("reference"));
  std::vector<double> sizes;
  for (const double value : numbers_at(finished, "/log_z/estimate")) {
    if (std::isfinite(reference)) sizes.push_back(std::abs(value - reference));
  }
  record["log_z_error"] = finite(number_of(record.at("log_z")) - reference);
  put(record, "log_z_absolute_error", mean_of(sizes, number_of(record.at("log_z_standard_error"))));
}

void add_diagnostics(const CellGroup& finished, Json& record) {
  put(record, "ess_share", mean_over_seeds(finished, "/ess_share", ""));
  record["largest_pareto_k"] = finite(largest(numbers_at(finished, "/pareto_k")));
  put(record, "bulk_ess", mean_over_seeds(finished, "/chains/bulk_ess_min", ""));
  std::vector<double> rates;
  for (const CellResult& cell : finished) {
    const double ess = number_at(cell.result, "/chains/bulk_ess_min");
    const double rate = 1000.0 * ess / evaluations_of(cell.result);
    if (std::isfinite(rate)) rates.push_back(rate);
  }
  put(record, "bulk_ess_per_1000_evaluations", mean_of(rates, kNone));
  record["largest_r_hat"] = finite(largest(numbers_at(finished, "/chains/r_hat_max")));
  put(record, "acceptance", mean_over_seeds(finished, "/acceptance", ""));
}

/// A distance's estimates and standard errors over the runs.
struct MetricValues {
  std::string name;
  std::vector<double> values, errors;
  std::vector<double> floors;  ///< of as many exact draws among themselves
};

std::vector<MetricValues> metrics_of(const CellGroup& finished) {
  std::vector<MetricValues> metrics;
  for (const CellResult& cell : finished) {
    const auto list = cell.result.find("metrics");
    if (list == cell.result.end() || !list->is_array()) continue;
    for (const Json& metric : *list) {
      const auto name = metric.at("name").get<std::string>();
      auto found = std::find_if(metrics.begin(), metrics.end(),
                                [&](const MetricValues& known) { return known.name == name; });
      if (found == metrics.end()) found = metrics.insert(found, {name, {}, {}, {}});
      const double value = number_at(metric, "/estimate");
      if (!std::isfinite(value)) continue;
      found->values.push_back(value);
      found->errors.push_back(number_at(metric, "/standard_error"));
      const double floor = number_at(metric, "/floor");
      if (std::isfinite(floor)) found->floors.push_back(floor);
    }
  }
  return metrics;
}

void add_costs(const BenchLine& line, const CellGroup& finished, Json& record) {
  std::vector<double> evaluations;
  for (const CellResult& cell : finished) evaluations.push_back(evaluations_of(cell.result));
  put(record, "evaluations", mean_of(evaluations, kNone));
  for (const std::string key : {"log_density", "gradient", "hessian_vector"})
    record[key + "_evaluations"] = finite(mean(numbers_at(finished, "/target_evaluations/" + key)));
  record["pilot_evaluations"] = line.pilot_evaluations;
  put(record, "seconds", mean_over_seeds(finished, "/seconds", ""));
}

/// Runs that ended otherwise than they should, by their status.
std::string odd_statuses(const CellGroup& finished) {
  std::vector<std::string> seen;
  std::size_t count = 0;
  for (const CellResult& cell : finished) {
    const auto status = cell.result.at("status").get<std::string>();
    if (status == "finished" || status == "stein-identity-met") continue;
    ++count;
    if (std::find(seen.begin(), seen.end(), status) == seen.end()) seen.push_back(status);
  }
  return count == 0 ? "" : fmt::format("{} runs ended as {}", count, fmt::join(seen, ", "));
}

}  // namespace

SeedMean mean_over_seeds(const CellGroup& finished,
                         const std::string& value,
                         const std::string& error) {
  const std::vector<double> own =
      error.empty() ? std::vector<double>{} : numbers_at(finished, error);
  return mean_of(numbers_at(finished, value), own.size() == 1 ? own[0] : kNone);
}

Json record_of(const BenchLine& line, const CellGroup& results) {
  const CellGroup finished = finished_of(results);
  Json record;
  record["target"] = line.pair.target.name;
  record["sampler"] = line.pair.sampler.name;
  record["kind"] = to_name(line.pair.settings.sampler.kind);
  record["budget"] = line.budget;
  record["runs"] = results.size();
  record["finished_runs"] = finished.size();
  record["not_run"] = line.skipped.empty() ? Json(nullptr) : Json(line.skipped);
  record["failure"] = line.earlier_failure.empty() ? Json(nullptr) : Json(line.earlier_failure);
  for (const CellResult& cell : results) {
    if (cell.result.is_null() && record["failure"].is_null()) record["failure"] = cell.failure;
  }
  const std::string odd = odd_statuses(finished);
  record["status"] = odd.empty() ? Json(nullptr) : Json(odd);
  add_reference(line, finished, record);
  add_estimates(line, finished, record);
  add_diagnostics(finished, record);
  for (const MetricValues& metric : metrics_of(finished)) {
    put(record, kMetricKey + metric.name,
        mean_of(metric.values, metric.errors.size() == 1 ? metric.errors[0] : kNone));
    record[kMetricKey + metric.name + kFloorEnding] = finite(mean(metric.floors));
  }
  add_costs(line, finished, record);
  return record;
}

std::vector<std::string> metric_names(const Json& records) {
  std::vector<std::string> names;
  const std::string beginning = kMetricKey;
  const std::string ending = kFloorEnding;  // every distance has one key with it
  for (const Json& record : records) {
    for (const auto& entry : record.items()) {
      const std::string& key = entry.key();
      if (key.rfind(beginning, 0) != 0 || key.size() < beginning.size() + ending.size()) continue;
      if (key.compare(key.size() - ending.size(), ending.size(), ending) != 0) continue;
      const std::string name =
          key.substr(beginning.size(), key.size() - beginning.size() - ending.size());
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

}  // namespace ergon::app
