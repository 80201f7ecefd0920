#include "report_parts.hpp"

#include "sample_request.hpp"

namespace ergon::app {
namespace {

std::string interval_text(const Json& interval) {
  if (!interval.is_array()) return "–";
  return fmt::format("{} to {}", text_of(interval[0]), text_of(interval[1]));
}

}  // namespace

void append_estimate(const std::string& label,
                     const Json& estimate,
                     const Json& known,
                     Rows& rows) {
  if (!estimate.is_object()) return;
  rows.push_back({label, text_of(estimate.at("estimate")), text_of(estimate.at("standard_error")),
                  interval_text(estimate.at("interval")), text_of(known),
                  standardized_error(estimate, known), text_of(estimate.at("method"))});
}

void append_estimates(const Json& estimates,
                      const Json& target,
                      const std::string& suffix,
                      Rows& rows) {
  const std::pair<const char*, const char*> names[] = {
      {"log Z", "log_z"}, {"entropy", "entropy"}, {"ELBO", "elbo"}, {"EUBO", "eubo"}};
  for (const auto& [label, key] : names) {
    append_estimate(label + suffix, estimates.value(key, Json(nullptr)),
                    target.value(key, Json(nullptr)), rows);
  }
}

}  // namespace ergon::app
