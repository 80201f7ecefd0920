#include "bench/gate.hpp"

#include <fmt/format.h>

#include <cmath>

#include "studies/statistics.hpp"

namespace ergon::app {
namespace {

std::string place_of(const Json& record) {
  return fmt::format("{}/{} at {}", record.at("target").get<std::string>(),
                     record.at("sampler").get<std::string>(),
                     record.at("budget").get<std::int64_t>());
}

/// Of the mean of `key` over the seeds, without the reference's; NaN: unknown.
double error_of(const Json& record, const std::string& key) {
  return std::fmax(number_of(record.at(key + "_standard_error")),
                   number_of(record.at(key + "_reported_error")));
}

/// How far `key` lies above the reference, in standard errors; what rounding explains is none.
double standard_errors_above(const Json& record, const std::string& key) {
  const double reference = number_of(record.at("reference"));
  const double difference = number_of(record.at(key)) - reference;
  if (std::abs(difference) <= kGateRounding * (1 + std::abs(reference))) return 0.0;
  const double error =
      std::hypot(error_of(record, key), number_of(record.at("reference_standard_error")));
  return difference / error;  // a difference without any error is infinitely many
}

std::string sentence(const Json& record, const std::string& key, const char* name, double errors) {
  return fmt::format("{}: {} {} is {:.1f} standard errors {} the reference log Z {}",
                     place_of(record), name,
                     with_error(number_of(record.at(key)), error_of(record, key), 4),
                     std::abs(errors), errors > 0 ? "above" : "below",
                     with_error(number_of(record.at("reference")),
                                number_of(record.at("reference_standard_error")), 4));
}

void judge_bound(const Json& record,
                 const std::string& key,
                 const char* name,
                 double direction,
                 GateVerdict& verdict) {
  if (!record.at(key).is_number()) return;
  if (!std::isfinite(error_of(record, key))) {
    verdict.flags.push_back(
        fmt::format("{}: the {} has no standard error and was not held against the reference",
                    place_of(record), name));
    return;
  }
  ++verdict.checked;
  const double errors = standard_errors_above(record, key);
  if (direction * errors > kBoundErrors)
    verdict.violations.push_back(sentence(record, key, name, errors));
}

void flag_estimates(const Json& record, GateVerdict& verdict) {
  const bool approximate = record.at("approximate") == true;
  // An error of zero is that of a single set, whose spread is not known.
  if (!approximate && record.at("log_z").is_number() && error_of(record, "log_z") > 0) {
    const double errors = standard_errors_above(record, "log_z");
    if (std::abs(errors) > kLogZErrors)
      verdict.flags.push_back(sentence(record, "log_z", "log Z", errors));
  }
  if (!approximate || !record.at("elbo").is_number()) return;
  const double errors = standard_errors_above(record, "elbo");
  if (errors > kBoundErrors)
    verdict.flags.push_back(sentence(record, "elbo", "\"ELBO\"", errors) +
                            "; it is no bound, for its density is approximate");
}

}  // namespace

GateVerdict judge(const Json& records) {
  GateVerdict verdict;
  for (const Json& record : records) {
    if (!record.at("reference").is_number()) continue;
    if (record.at("elbo_is_bound") == true) judge_bound(record, "elbo", "ELBO", 1.0, verdict);
    judge_bound(record, "eubo", "EUBO", -1.0, verdict);
    flag_estimates(record, verdict);
  }
  return verdict;
}

}  // namespace ergon::app
