#include "result_table.hpp"

#include <fmt/format.h>

#include "command_line.hpp"
#include "ergon/sampler/options.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

std::string number(const Json& value) {
  return value.is_number() ? fmt::format("{:.5g}", value.get<double>()) : "-";
}

std::string estimate_line(const char* label, const Json& estimate, const Json& known) {
  if (!estimate.is_object() || !estimate.at("estimate").is_number()) return "";
  return fmt::format("{:<16}{:>12}{:>12}{:>12}{:>14}\n", label, number(estimate.at("estimate")),
                     number(estimate.at("standard_error")), number(known),
                     standardized_error(estimate, known));
}

/// 12345678 to "12 345 678".
std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (auto place = static_cast<std::int64_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), " ");
  }
  return digits;
}

std::string head_line(const Json& result) {
  const Json& sampler = result.at("sampler");
  std::string text = fmt::format(
      "{} (D = {}), {}: {} x {} particles, {} steps",
      result.at("target").at("name").get<std::string>(),
      result.at("target").at("dim").get<std::int64_t>(), sampler.at("name").get<std::string>(),
      sampler.at("sets").get<std::int64_t>(), sampler.at("particles").get<std::int64_t>(),
      sampler.at("steps_taken").get<std::int64_t>());
  if (result.at("fit").is_object()) {
    text += fmt::format(", fitted in {} iterations",
                        result.at("fit").at("iterations").get<std::int64_t>());
  }
  return text + fmt::format(", seed {}\n", result.at("seed").get<std::uint64_t>());
}

/// What the number under log_z of a joint density is, without how it was obtained.
std::string joint_reading(const Json& result) {
  const auto method = result.at("log_z").at("method").get<std::string>();
  return method.substr(0, method.find(": "));
}

std::string estimates_block(const Json& result) {
  const Json& target = result.at("target");
  const Json& density = result.at("sampler").at("density");
  const bool joint = density == to_name(DensityMethod::kJoint);
  const std::string lines = estimate_line("log Z", result.at("log_z"), target.at("log_z")) +
                            estimate_line("entropy", result.at("entropy"), target.at("entropy")) +
                            estimate_line("ELBO", result.at("elbo"), Json(nullptr));
  if (lines.empty())
    return "This sampler tracks no density: log Z, entropy and ELBO are not estimated.\n";
  const std::string note = joint ? "; log Z: " + joint_reading(result)
                                 : ": the " + density.get<std::string>() +
                                       " density leaves out the dependence between particles";
  return fmt::format("{:<16}{:>12}{:>12}{:>12}{:>14}\n", "", "estimate", "s.e.", "known",
                     "error / s.e.") +
         lines +
         fmt::format("{:<16}{}\n", "note",
                     wrap("s.e. is the Monte-Carlo error alone" + note, 84, 16));
}

std::string diagnostics_line(const Json& result) {
  std::string text;
  const std::pair<const char*, const char*> entries[] = {{"Stein residual", "stein_residual"},
                                                         {"acceptance", "acceptance"},
                                                         {"ESS share", "ess_share"}};
  for (const auto& [label, key] : entries) {
    if (!result.at(key).is_number()) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", label, number(result.at(key)));
  }
  return text.empty() ? "" : fmt::format("{:<16}{}\n", "diagnostics", text);
}

}  // namespace

std::string result_table(const Json& result, const std::string& folder) {
  std::string text = head_line(result) + estimates_block(result) + diagnostics_line(result);
  const Json& counts = result.at("target_evaluations");
  text += fmt::format("{:<16}{} log-densities, {} gradients, {} Hessian products\n", "evaluations",
                      grouped(counts.at("log_density").get<std::int64_t>()),
                      grouped(counts.at("gradient").get<std::int64_t>()),
                      grouped(counts.at("hessian_vector").get<std::int64_t>()));
  text += fmt::format("{:<16}{:.1f} s\n", "time", result.at("seconds").get<double>());
  for (const auto& warning : result.at("warnings")) {
    text += fmt::format("{:<16}{}\n", "warning", wrap(warning.get<std::string>(), 84, 16));
  }
  const bool report = result.at("options").at("run").at("figures").get<bool>();
  text +=
      fmt::format("{:<16}{}/{}\n", "files", folder,
                  report ? "report.html, result.json, samples.npz" : "result.json, samples.npz");
  return text;
}

}  // namespace ergon::app
