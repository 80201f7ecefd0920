#include "rl_engine/train_outputs.hpp"

namespace ergon::app {
namespace {

const std::vector<std::string> kReturnHeader = {"",    "mean return", "standard error",
                                                "min", "max",         "method"};

void append_returns(const std::string& label, const Json& returns, Rows& rows) {
  if (!returns.is_object()) return;
  rows.push_back({label, text_of(returns.at("value")), text_of(returns.at("standard_error")),
                  text_of(returns.value("min", Json(nullptr))),
                  text_of(returns.value("max", Json(nullptr))), text_of(returns.at("method"))});
}

void append_evaluation(const std::string& label, const Json& evaluation, Rows& rows) {
  if (!evaluation.is_object()) return;
  const std::string step = fmt::format("{} (step {})", label, text_of(evaluation.at("step")));
  append_returns(step + ", deterministic", evaluation.at("deterministic"), rows);
  append_returns(step + ", stochastic", evaluation.at("stochastic"), rows);
}

}  // namespace

std::string train_report_html(const Json& result, const std::vector<Picture>& pictures) {
  Report report(fmt::format("{}, SAC, {}", text_of(result.at("environment").at("name")),
                            text_of(result.at("agent").at("preset"))));
  for (const auto& warning : result.at("warnings")) report.warning(warning.get<std::string>());
  report.heading("Returns");
  Rows rows;
  append_evaluation("last evaluation", result.at("final"), rows);
  append_evaluation("best evaluation", result.at("best"), rows);
  append_returns("training", result.at("training_return"), rows);
  report.table(kReturnHeader, rows);
  Cells run;
  for (const char* key : {"status", "steps", "updates", "episodes", "seconds", "seed", "date"})
    run.emplace_back(key, text_of(result.at(key)));
  for (const auto& cell : cells_of(result.at("speed"))) run.push_back(cell);
  report.table(run);
  for (const Picture& picture : pictures) add_picture(report, picture);
  report.heading("Environment").table(cells_of(result.at("environment")));
  report.heading("Agent").table(cells_of(result.at("agent")));
  add_settings_and_origin(report, result);
  return report.html();
}

}  // namespace ergon::app
