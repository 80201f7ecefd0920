#include "report.hpp"

#include "report_parts.hpp"

namespace ergon::app {
namespace {

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
    report.table(kEstimateHeader, rows);
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
    add_picture(report, picture);
  }
  add_moments(report, result.at("moments"));
  report.heading("Evaluations of the target").table(cells_of(result.at("target_evaluations")));
  if (result.at("fit").is_object()) report.heading("Fit").table(cells_of(result.at("fit")));
  add_settings_and_origin(report, result);
  return report.html();
}

}  // namespace ergon::app
