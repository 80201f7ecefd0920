#include <algorithm>
#include <cmath>

#include "ergon/sampler/parameters.hpp"
#include "result.hpp"

namespace ergon::app {
namespace {

constexpr double kSmallEssShare = 0.1;
constexpr double kLargeResidualPerDimension = 0.1;
constexpr double kAtTheBound = 0.99;  // a leaky clamp stays a little below

void warn_about_learning(const Session& session,
                         const RunSettings& settings,
                         std::vector<std::string>& texts) {
  const bool fitted = session.fit().has_value() || !settings.fitted.empty();
  const bool tracks = settings.sampler.kind != SamplerKind::kSvgd;
  if (tracks && !fitted && !learned_names(settings.sampler).empty()) {
    texts.push_back(
        "nothing was fitted: what the sampler could learn stands at its starting values; add --fit "
        "200, or reuse a fit with --fitted");
  }
  if (session.fit() && session.fit()->skipped > 0) {
    texts.push_back(
        fmt::format("{} of {} iterations of the fit had a gradient that was not finite and changed "
                    "nothing; try a smaller --step-size-value or --fit-learning-rate",
                    session.fit()->skipped, session.fit()->trace.size()));
  }
  if (!settings.fitted.empty() && settings.fitted_target != settings.target.name) {
    texts.push_back(fmt::format("the reused parameters were fitted to the target '{}', not to '{}'",
                                settings.fitted_target, settings.target.name));
  }
}

void warn_about_convergence(const Conclusions& conclusions,
                            std::int64_t dim,
                            std::vector<std::string>& texts) {
  if (conclusions.ess_share && *conclusions.ess_share < kSmallEssShare) {
    texts.push_back(
        fmt::format("the importance weights are worth only {:.2g} % of the particles: do not trust "
                    "log Z; fit longer, take more steps, or widen q0",
                    100 * *conclusions.ess_share));
  }
  const double limit = kLargeResidualPerDimension * static_cast<double>(dim);
  if (conclusions.stein_residual && *conclusions.stein_residual > limit) {
    texts.push_back(
        fmt::format("Stein's identity is off by {:.3g} (above {:.3g} = 0.1 D) at the last step: "
                    "the particles have not reached the target; take more steps or fit longer",
                    *conclusions.stein_residual, limit));
  }
}

/// Steps in which the bound, not the rule, decided the step size.
std::int64_t clamped_steps(const std::vector<TraceRow>& trace) {
  return std::count_if(trace.begin(), trace.end(), [](const TraceRow& row) {
    return std::isfinite(row.step_bound) && row.step_size >= kAtTheBound * row.step_bound;
  });
}

void warn_about_steps(const Session& session,
                      const RunSettings& settings,
                      std::vector<std::string>& texts) {
  const auto& trace = session.run().trace();
  const std::int64_t clamped = clamped_steps(trace);
  const std::int64_t steps = session.run().state().step;
  if (settings.sampler.step_size.rule != StepSizeRule::kBoundFraction && 2 * clamped > steps) {
    texts.push_back(
        fmt::format("the step bound cut the step size in {} of {} steps: the bound decides, not "
                    "--step-size; take a smaller step size, or more steps",
                    clamped, steps));
  }
  std::int64_t undone = 0;
  for (const TraceRow& row : trace) undone += row.nonfinite;
  if (undone > 0) {
    texts.push_back(
        fmt::format("{} moves of particles were undone since the density or its gradient was not "
                    "finite where they led",
                    undone));
  }
  const double alive = trace.back().alive;
  if (alive < 1.0) {
    texts.push_back(fmt::format(
        "truncation dropped {:.2g} % of the particles; the estimates are over the others",
        100 * (1 - alive)));
  }
}

}  // namespace

std::vector<std::string> warnings(const Session& session,
                                  const Conclusions& conclusions,
                                  const RunSettings& settings,
                                  const Target& target,
                                  const Runtime& runtime) {
  std::vector<std::string> texts;
  if (!runtime.optimised_blas) {
    texts.push_back(
        "no optimised BLAS is behind libtorch (found: " + runtime.blas +
        "): matrix products are many times slower than they need be; install libopenblas0-openmp");
  }
  warn_about_learning(session, settings, texts);
  warn_about_convergence(conclusions, target.dim(), texts);
  warn_about_steps(session, settings, texts);
  if (settings.animate && target.dim() != 2) {
    texts.push_back(
        fmt::format("--animate draws in two dimensions only; this target has {}", target.dim()));
  }
  return texts;
}

}  // namespace ergon::app
