#include "fit_flow_table.hpp"

#include <fmt/format.h>

#include "fit_flow_request.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

std::string subject_of(const Json& result) {
  const Json& target = result.at("target");
  return (target.is_object() ? target.at("name") : result.at("data").at("samples"))
      .get<std::string>();
}

std::string head_line(const Json& result) {
  const Json& flow = result.at("flow");
  const Json& fit = result.at("fit");
  return fmt::format(
      "{} (D = {}), {} of {} parameters, {}, {} iterations (best: {}), seed {}\n",
      subject_of(result), flow.at("dim").get<std::int64_t>(), flow.at("name").get<std::string>(),
      grouped(flow.at("parameters").get<std::int64_t>()), fit.at("gradient").get<std::string>(),
      fit.at("iterations").get<std::int64_t>(), fit.at("best_iteration").get<std::int64_t>(),
      result.at("seed").get<std::uint64_t>());
}

std::string data_line(const Json& data) {
  if (!data.is_object()) return "";
  return fmt::format("{:<16}{} to learn from, {} held out\n", "points",
                     grouped(data.at("train").get<std::int64_t>()),
                     grouped(data.at("held_out").get<std::int64_t>()));
}

std::string diagnostics_line(const Json& result) {
  const std::string draws = "draws " + grouped(result.at("draws").get<std::int64_t>());
  if (!result.at("ess_share").is_number()) return fmt::format("{:<16}{}\n", "diagnostics", draws);
  return fmt::format("{:<16}ESS share {}, Pareto k {}, {}\n", "diagnostics",
                     number(result.at("ess_share")), number(result.at("pareto_k")), draws);
}

/// "gradient var.   reverse-total 5.3, reverse-path 0.35, …"
std::string gradients_line(const Json& spreads) {
  if (!spreads.is_object()) return "";
  std::string text;
  for (const auto& [estimator, spread] : spreads.items()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", estimator, number(spread.at("total")));
  }
  return fmt::format("{:<16}{}\n", "gradient var.", text);
}

std::string evaluations_line(const Json& counts) {
  if (!counts.is_object()) return "";
  return fmt::format("{:<16}{} log-densities, {} gradients\n", "evaluations",
                     grouped(counts.at("log_density").get<std::int64_t>()),
                     grouped(counts.at("gradient").get<std::int64_t>()));
}

}  // namespace

std::string fit_flow_table(const Json& result, const std::string& folder) {
  std::string text = head_line(result) + estimate_header();
  for (const auto& [label, estimate, known] : fit_flow_estimates(result))
    text += estimate_line(label.c_str(), estimate, known);
  text += data_line(result.at("data")) + diagnostics_line(result) +
          gradients_line(result.at("gradient_variance")) +
          evaluations_line(result.at("target_evaluations"));
  text +=
      fmt::format("{:<16}{:.1f} s, training {:.1f} s\n", "time", result.at("seconds").get<double>(),
                  result.at("fit").at("seconds").get<double>());
  for (const auto& warning : result.at("warnings"))
    text += labelled_line("warning", warning.get<std::string>());
  const Json& run = result.at("options").at("run");
  text += fmt::format("{:<16}{}/{}result.json, flow.npz{}, samples.npz\n", "files", folder,
                      run.at("figures").get<bool>() ? "report.html, " : "",
                      run.at("export").get<bool>() ? ", flow.pt" : "");
  return text;
}

}  // namespace ergon::app
