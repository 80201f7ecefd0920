#include "rl/train_table.hpp"

#include <fmt/format.h>

#include "table_parts.hpp"

namespace ergon::app {
namespace {

constexpr const char* kReturnColumns = "{:<36}{:>14}{:>12}{:>12}{:>12}{:>10}\n";

std::string head_line(const Json& result) {
  const Json& agent = result.at("agent");
  return fmt::format(
      "{}, SAC ({}), {} steps, {} updates, {} episodes, seed {}\n",
      result.at("environment").at("name").get<std::string>(), agent.at("preset").get<std::string>(),
      grouped(result.at("steps").get<std::int64_t>()),
      grouped(result.at("updates").get<std::int64_t>()),
      grouped(result.at("episodes").get<std::int64_t>()), result.at("seed").get<std::uint64_t>());
}

std::string return_line(const std::string& label, const Json& returns) {
  if (!returns.is_object()) return "";
  const auto of = [&](const char* key) { return number(returns.value(key, Json(nullptr))); };
  const Json episodes = returns.value("episodes", Json(nullptr));
  return fmt::format(kReturnColumns, label, of("value"), of("standard_error"), of("min"), of("max"),
                     episodes.is_number() ? episodes.dump() : "-");
}

std::string evaluation_lines(const char* label, const Json& evaluation) {
  if (!evaluation.is_object()) return "";
  const std::string head =
      fmt::format("{} at {}", label, grouped(evaluation.at("step").get<std::int64_t>()));
  return return_line(head + ", deterministic", evaluation.at("deterministic")) +
         return_line(head + ", stochastic", evaluation.at("stochastic"));
}

}  // namespace

std::string train_table(const Json& result, const std::string& folder) {
  std::string text = head_line(result) + fmt::format(kReturnColumns, "", "mean return", "s.e.",
                                                     "min", "max", "episodes");
  text += evaluation_lines("last", result.at("final"));
  text += evaluation_lines("best", result.at("best"));
  text += return_line("last training episodes", result.at("training_return"));
  const Json& speed = result.at("speed");
  text += fmt::format("{:<16}{:.1f} s, {} steps/s, {} updates/s\n", "time",
                      result.at("seconds").get<double>(), number(speed.at("steps_per_second")),
                      number(speed.at("updates_per_second")));
  for (const auto& warning : result.at("warnings"))
    text += labelled_line("warning", warning.get<std::string>());
  const bool figures = result.at("options").at("run").at("figures").get<bool>();
  text += fmt::format("{:<16}{}/{}result.json, agent.safetensors, evaluations.csv\n", "files",
                      folder, figures ? "report.html, " : "");
  return text;
}

}  // namespace ergon::app
