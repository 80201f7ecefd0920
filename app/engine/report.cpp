#include "report.hpp"

#include <utility>

#include "ergon/core/report.hpp"

namespace ergon::app {
namespace {

using Cells = std::vector<std::pair<std::string, std::string>>;

std::string text_of(const Json& value) {
  if (value.is_null()) return "–";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  return value.dump();
}

using Rows = std::vector<std::vector<std::string>>;

std::string interval_text(const Json& interval) {
  if (!interval.is_array()) return "–";
  return fmt::format("{} to {}", text_of(interval[0]), text_of(interval[1]));
}

/// Appends the rows of `estimates`, the result itself or its block `particles`.
void append_estimates(const Json& estimates,
                      const Json& target,
                      const std::string& suffix,
                      Rows& rows) {
  const std::pair<const char*, const char*> names[] = {
      {"log Z", "log_z"}, {"entropy", "entropy"}, {"ELBO", "elbo"}, {"EUBO", "eubo"}};
  for (const auto& [label, key] : names) {
    const Json estimate = estimates.value(key, Json(nullptr));
    if (!estimate.is_object()) continue;
    const Json known = target.value(key, Json(nullptr));
    rows.push_back({label + suffix, text_of(estimate.at("estimate")),
                    text_of(estimate.at("standard_error")), interval_text(estimate.at("interval")),
                    text_of(known), standardized_error(estimate, known),
                    text_of(estimate.at("method"))});
  }
}

void add_estimates(Report& report, const Json& result) {
  Rows rows;
  append_estimates(result, result.at("target"), "", rows);
  const Json& particles = result.at("particles");
  if (particles.is_object()) {
    append_estimates(particles, result.at("target"),
                     ", at the particles, " + text_of(particles.at("density")), rows);
  }
  if (rows.empty()) {
    report.paragraph(why_nothing_is_estimated(result));
  } else {
    report.table(
        {"", "estimate", "standard error", "95 % interval", "known", "error / s.e.", "method"},
        rows);
  }
}

void add_moments(Report& report, const Json& moments) {
  if (!moments.is_object()) return;
  const Json& errors = moments.at("mean_standard_error");
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < moments.at("mean").size(); ++i) {
    rows.push_back({fmt::format("x{}", i + 1), text_of(moments.at("mean")[i]),
                    errors.is_array() ? text_of(errors[i]) : "–",
                    text_of(moments.at("stddev")[i])});
  }
  report.heading(fmt::format("Coordinates of the {}", text_of(moments.at("of"))))
      .table({"coordinate", "mean", "its standard error", "standard deviation"}, rows);
}

/// A block of the result as rows of names and values; blocks inside are left out.
Cells cells_of(const Json& block) {
  Cells cells;
  for (const auto& [key, value] : block.items()) {
    if (!value.is_object() && !value.is_null()) cells.emplace_back(key, text_of(value));
  }
  return cells;
}

}  // namespace

std::string report_html(const Json& result, const std::vector<Picture>& pictures) {
  const std::string target = result.at("target").at("name").get<std::string>();
  Report report(fmt::format("{}, {}", target, result.at("sampler").at("name").get<std::string>()));
  for (const auto& warning : result.at("warnings")) report.warning(warning.get<std::string>());
  report.heading("Estimates");
  add_estimates(report, result);
  Cells diagnostics;
  for (const char* key : {"status", "ess_share", "pareto_k", "draws", "nonfinite_draws",
                          "stein_residual", "acceptance", "seconds", "seed", "date"}) {
    diagnostics.emplace_back(key, text_of(result.at(key)));
  }
  report.table(diagnostics);
  if (result.at("chains").is_object())
    report.heading("Chains").table(cells_of(result.at("chains")));
  if (result.at("metrics").is_array()) {
    Rows rows;
    for (const Json& metric : result.at("metrics")) {
      rows.push_back({text_of(metric.at("name")), text_of(metric.at("estimate")),
                      text_of(metric.at("standard_error")), text_of(metric.at("floor")),
                      text_of(metric.at("method"))});
    }
    report.heading("Draws against the target")
        .table({"", "value", "standard error", "exact draws", "method"}, rows);
  }
  for (const Picture& picture : pictures) {
    const bool moving =
        picture.file.size() > 4 && picture.file.compare(picture.file.size() - 4, 4, ".gif") == 0;
    moving ? report.animation(picture.bytes, picture.caption)
           : report.figure(picture.bytes, picture.caption);
  }
  add_moments(report, result.at("moments"));
  report.heading("Evaluations of the target").table(cells_of(result.at("target_evaluations")));
  if (result.at("fit").is_object()) report.heading("Fit").table(cells_of(result.at("fit")));
  report.heading("Settings");
  for (const auto& [name, block] : result.at("options").items())
    report.paragraph(name).table(cells_of(block));
  report.heading("Made with")
      .table(cells_of(result.at("versions")))
      .table(cells_of(result.at("machine")));
  return report.html();
}

}  // namespace ergon::app
