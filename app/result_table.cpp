#include "result_table.hpp"

#include <fmt/format.h>

#include "ergon/sampler/flow_options.hpp"
#include "ergon/sampler/options.hpp"
#include "sample_request.hpp"
#include "table_parts.hpp"

namespace ergon::app {
namespace {

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
std::string joint_reading(const Json& log_z) {
  const auto method = log_z.at("method").get<std::string>();
  return method.substr(0, method.find(": "));
}

/// The published estimates: biased by what no interval shows, so that none is printed.
std::string particles_line(const char* label, const Json& estimate, const Json& known) {
  if (!estimate.is_object() || !estimate.at("estimate").is_number()) return "";
  std::string line = fmt::format(kEstimateColumns, label, number(estimate.at("estimate")),
                                 number(estimate.at("standard_error")), "", number(known), "");
  line.erase(line.find_last_not_of(" \n") + 1);
  return line + "\n";
}

/// log Z, entropy and ELBO of `estimates`, the result itself.
std::string estimate_lines(const Json& estimates, const Json& target) {
  return estimate_line("log Z", estimates.at("log_z"), target.at("log_z")) +
         estimate_line("entropy", estimates.at("entropy"), target.at("entropy")) +
         estimate_line("ELBO", estimates.at("elbo"), Json(nullptr));
}

/// What the density at the particles leaves out.
std::string density_note(const Json& log_z, const std::string& density) {
  if (density == to_name(DensityMethod::kJoint)) return "log Z: " + joint_reading(log_z);
  return "the " + density + " density leaves out the dependence between particles";
}

std::string particles_block(const Json& result) {
  const Json& particles = result.at("particles");
  if (!particles.is_object()) return "";
  const auto density = particles.at("density").get<std::string>();
  const Json& target = result.at("target");
  return fmt::format("at the particles, {} density, for comparison:\n", density) +
         particles_line("log Z", particles.at("log_z"), target.at("log_z")) +
         particles_line("entropy", particles.at("entropy"), target.at("entropy")) +
         particles_line("ELBO", particles.at("elbo"), Json(nullptr)) +
         labelled_line("note", (density == to_name(DensityMethod::kJoint) ? "" : "biased: ") +
                                   density_note(particles.at("log_z"), density));
}

std::string acceptance_line(const Json& result, const Json& chains) {
  if (chains.at("acceptance_refresh").is_number() || chains.at("swap_share").is_number()) {
    return fmt::format(
        "{:<16}forward {}, inverse {}, random moves {}; {} of the particles change halves in a "
        "step\n",
        "acceptance", number(chains.at("acceptance_forward")),
        number(chains.at("acceptance_inverse")), number(chains.at("acceptance_refresh")),
        number(chains.at("swap_share")));
  }
  std::string text = number(result.at("acceptance"));
  if (chains.at("swap_acceptance").is_number())
    text += fmt::format(", swaps {}", number(chains.at("swap_acceptance")));
  if (chains.at("tree_depth").is_number())
    text += fmt::format(", tree depth {}", number(chains.at("tree_depth")));
  if (chains.at("divergent") > 0)
    text += fmt::format(", {} divergent", chains.at("divergent").get<std::int64_t>());
  return fmt::format("{:<16}{}\n", "acceptance", text);
}

std::string chains_block(const Json& result) {
  const Json& chains = result.at("chains");
  const auto gradients = result.at("target_evaluations").at("gradient").get<double>();
  const Json& ess = chains.at("bulk_ess_min");
  const Json cost =
      ess.is_number() && ess > 0 ? Json(gradients / ess.get<double>()) : Json(nullptr);
  return fmt::format("{:<16}{} chains of {} kept draws{}\n", "chains",
                     chains.at("chains").get<std::int64_t>(),
                     chains.at("draws").get<std::int64_t>(),
                     result.at("log_z").is_object()
                         ? ""
                         : "; no density, so log Z and entropy are not estimated") +
         fmt::format("{:<16}{} (largest of the coordinates)\n", "R-hat",
                     number(chains.at("r_hat_max"))) +
         fmt::format("{:<16}{} (smallest of the coordinates), {} gradients each\n", "bulk ESS",
                     number(ess), number(cost)) +
         fmt::format("{:<16}{} (smallest of the coordinates)\n", "tail ESS",
                     number(chains.at("tail_ess_min"))) +
         acceptance_line(result, chains);
}

std::string estimates_block(const Json& result) {
  const std::string header = estimate_header();
  if (result.at("chains").is_object()) {
    const std::string top =
        estimate_line("log Z", result.at("log_z"), result.at("target").at("log_z"));
    return (top.empty() ? "" : header + top) + chains_block(result);
  }
  const std::string top = estimate_lines(result, result.at("target")) +
                          estimate_line("EUBO", result.at("eubo"), Json(nullptr));
  const std::string below = particles_block(result);
  if (top.empty() && below.empty()) return why_nothing_is_estimated(result) + "\n";
  if (result.at("estimate") != to_name(EstimateSource::kParticles)) return header + top + below;
  const auto density = result.at("sampler").at("density").get<std::string>();
  return header + top +
         labelled_line("note", "s.e. is the Monte-Carlo error alone; " +
                                   density_note(result.at("log_z"), density));
}

std::string metrics_block(const Json& metrics) {
  if (!metrics.is_array()) return "";
  std::string text =
      fmt::format("{:<24}{:>12}{:>12}{:>14}\n", "metric", "value", "s.e.", "exact draws");
  for (const Json& metric : metrics) {
    text += fmt::format("{:<24}{:>12}{:>12}{:>14}\n", metric.at("name").get<std::string>(),
                        number(metric.at("estimate")), number(metric.at("standard_error")),
                        number(metric.at("floor")));
  }
  return text;
}

std::string diagnostics_line(const Json& result) {
  std::string text;
  const std::pair<const char*, const char*> entries[] = {{"ESS share", "ess_share"},
                                                         {"Pareto k", "pareto_k"},
                                                         {"draws", "draws"},
                                                         {"Stein residual", "stein_residual"},
                                                         {"acceptance", "acceptance"}};
  for (const auto& [label, key] : entries) {
    const bool said = std::string(key) == "acceptance" && result.at("chains").is_object();
    if (!result.at(key).is_number() || said) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", label,
                        std::string(key) == "draws" ? grouped(result.at(key).get<std::int64_t>())
                                                    : number(result.at(key)));
  }
  return text.empty() ? "" : fmt::format("{:<16}{}\n", "diagnostics", text);
}

}  // namespace

std::string result_table(const Json& result, const std::string& folder) {
  std::string text = head_line(result) + estimates_block(result) + diagnostics_line(result) +
                     metrics_block(result.at("metrics"));
  const Json& counts = result.at("target_evaluations");
  text += fmt::format("{:<16}{} log-densities, {} gradients, {} Hessian products\n", "evaluations",
                      grouped(counts.at("log_density").get<std::int64_t>()),
                      grouped(counts.at("gradient").get<std::int64_t>()),
                      grouped(counts.at("hessian_vector").get<std::int64_t>()));
  text += fmt::format("{:<16}{:.1f} s\n", "time", result.at("seconds").get<double>());
  for (const auto& warning : result.at("warnings")) {
    text += labelled_line("warning", warning.get<std::string>());
  }
  const bool report = result.at("options").at("run").at("figures").get<bool>();
  text += fmt::format("{:<16}{}/{}result.json, samples.npz{}\n", "files", folder,
                      report ? "report.html, " : "",
                      result.at("draws").is_number()    ? ", draws.npz"
                      : result.at("chains").is_object() ? ", chains.npz"
                                                        : "");
  return text;
}

}  // namespace ergon::app
