#include "flow_report.hpp"

#include "fit_flow_request.hpp"
#include "report_parts.hpp"

namespace ergon::app {
namespace {

std::string subject_of(const Json& result) {
  const Json& target = result.at("target");
  return target.is_object() ? text_of(target.at("name")) : text_of(result.at("data").at("samples"));
}

void add_blocks(Report& report, const Json& result) {
  const std::pair<const char*, const char*> blocks[] = {{"target", "Target"},
                                                        {"data", "Points"},
                                                        {"flow", "Flow"},
                                                        {"fit", "Training"},
                                                        {"target_evaluations",
                                                         "Evaluations of the "
                                                         "target"}};
  for (const auto& [key, heading] : blocks) {
    if (result.at(key).is_object()) report.heading(heading).table(cells_of(result.at(key)));
  }
}

}  // namespace

std::string flow_report_html(const Json& result, const std::vector<Picture>& pictures) {
  Report report(fmt::format("{}, {}", subject_of(result), text_of(result.at("flow").at("name"))));
  for (const auto& warning : result.at("warnings")) report.warning(warning.get<std::string>());
  report.heading("Estimates");
  Rows rows;
  for (const auto& [label, estimate, known] : fit_flow_estimates(result))
    append_estimate(label, estimate, known, rows);
  report.table(kEstimateHeader, rows);
  Cells diagnostics;
  for (const char* key :
       {"status", "ess_share", "pareto_k", "draws", "nonfinite_draws", "seconds", "seed", "date"}) {
    diagnostics.emplace_back(key, text_of(result.at(key)));
  }
  report.table(diagnostics);
  for (const Picture& picture : pictures) add_picture(report, picture);
  add_blocks(report, result);
  add_settings_and_origin(report, result);
  return report.html();
}

}  // namespace ergon::app
