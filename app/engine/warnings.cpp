#include <algorithm>
#include <cmath>

#include "ergon/sampler/parameters.hpp"
#include "estimate_warnings.hpp"
#include "result.hpp"
#include "start.hpp"

namespace ergon::app {
namespace {

constexpr double kLargeResidualPerDimension = 0.1;
constexpr double kEnoughEssShare = 0.1;
constexpr double kFallPerDimension = 10.0;
constexpr double kSmallMove = 1e-6;  // bandwidths
constexpr double kAtTheBound = 0.99;
constexpr double kAtTheBoundLeaky = 0.94;  // a leaky clamp stays a little below

void warn_about_learning(const Session& session,
                         const RunSettings& settings,
                         std::vector<std::string>& texts) {
  const bool fitted = session.fit().has_value() || !settings.fitted.empty();
  const bool flow = settings.sampler.kind == SamplerKind::kFlow;
  if (!fitted && (flow || !learned_names(settings.sampler).empty())) {
    texts.push_back(fmt::format(
        "nothing was fitted: what the sampler could learn stands at its starting values; add --fit "
        "{}, or reuse a fit with --fitted",
        flow ? 2000 : 200));
  }
  if (session.fit() && session.fit()->skipped > 0) {
    texts.push_back(fmt::format(
        "{} of {} iterations of the fit had a gradient that was not finite and changed "
        "nothing; try a smaller {}--fit-learning-rate",
        session.fit()->skipped, session.fit()->trace.size(), flow ? "" : "--step-size-value or "));
  }
  const std::string target = target_text(settings.target);
  if (!settings.fitted_target.empty() && settings.fitted_target != target) {
    texts.push_back(fmt::format("the reused parameters were fitted to the target '{}', not to '{}'",
                                settings.fitted_target, target));
  }
}

void warn_about_convergence(const Conclusions& conclusions,
                            const SamplerOptions& sampler,
                            std::int64_t dim,
                            std::vector<std::string>& texts) {
  if (sampler.hessian.trace == HessianTrace::kOff) return;  // the residual then lacks tr H
  // The flow's weights judge its draws better than the residual of the few particles behind them.
  const bool weighted = conclusions.source == Source::kFlow;
  if (weighted && conclusions.ess_share >= kEnoughEssShare) return;
  const double limit = kLargeResidualPerDimension * static_cast<double>(dim);
  if (conclusions.stein_residual && *conclusions.stein_residual > limit) {
    texts.push_back(fmt::format(
        "Stein's identity is off by {:.3g} (above {:.3g} = 0.1 D) at the last step: the particles "
        "have not reached the target; take more steps or fit longer",
        *conclusions.stein_residual, limit));
  }
}

void warn_about_divergence(const Session& session,
                           const SamplerOptions& sampler,
                           std::int64_t dim,
                           std::vector<std::string>& texts) {
  if (!is_stein(sampler.kind) && sampler.kind != SamplerKind::kUla) return;  // moves are judged
  const double first = session.run().trace().front().log_density;
  const double last = session.run().trace().back().log_density;
  if (std::isfinite(last) && !(first - last > kFallPerDimension * static_cast<double>(dim))) return;
  const bool bounded = sampler.bound.bound != StepBound::kNone;
  texts.push_back(fmt::format(
      "the particles' mean log-density fell from {:.4g} to {:.4g}: the steps are too "
      "large and the particles have left the target; take a smaller --step-size-value{}",
      first, last,
      bounded                             ? ""
      : sampler.kind == SamplerKind::kUla ? ", or --sampler mala, which rejects such steps"
                                          : ", or --sampler met-svgd, which bounds its steps"));
}

/// Steps that meant to move the particles and left every one where it was, without an
/// accept/reject: all led to places of density zero.
std::int64_t steps_without_a_move(const std::vector<TraceRow>& trace) {
  std::int64_t steps = 0;
  for (std::size_t i = 1; i < trace.size(); ++i) {
    const TraceRow& row = trace[i];
    const bool meant = row.step_size * row.velocity_norm > kSmallMove * row.bandwidth;
    const bool judged = std::isfinite(row.acceptance);
    if (meant && !judged && row.log_density == trace[i - 1].log_density) ++steps;
  }
  return steps;
}

/// Steps in which the bound, not the rule, decided the step size.
std::int64_t clamped_steps(const std::vector<TraceRow>& trace, Clamp clamp) {
  const double share = clamp == Clamp::kLeaky ? kAtTheBoundLeaky : kAtTheBound;
  return std::count_if(trace.begin(), trace.end(), [share](const TraceRow& row) {
    return std::isfinite(row.step_bound) && row.step_size >= share * row.step_bound;
  });
}

void warn_about_moves(const std::vector<TraceRow>& trace,
                      SamplerKind kind,
                      std::vector<std::string>& texts) {
  std::int64_t undone = 0;
  std::int64_t noninvertible = 0;
  for (const TraceRow& row : trace) {
    undone += row.nonfinite;
    noninvertible += row.noninvertible;
  }
  if (undone > 0 && kind == SamplerKind::kFlow) {
    texts.push_back(
        fmt::format("at {} draws of the flow the density or its gradient was not finite: they "
                    "count as weight zero",
                    undone));
  } else if (undone > 0) {
    texts.push_back(
        fmt::format("{} moves of particles were undone since the density or its gradient was not "
                    "finite where they led",
                    undone));
  }
  if (noninvertible > 0) {
    texts.push_back(
        fmt::format("{} log-determinants along the steps were of maps that are not invertible (or "
                    "their power series did not converge): the density estimates are not to be "
                    "trusted; take a smaller --step-size-value or --bound-safety",
                    noninvertible));
  }
}

void warn_about_steps(const Session& session,
                      const RunSettings& settings,
                      std::vector<std::string>& texts) {
  const auto& trace = session.run().trace();
  const std::int64_t clamped = clamped_steps(trace, settings.sampler.bound.clamp);
  const std::int64_t steps = session.run().state().step;
  const StepSizeRule rule = settings.sampler.step_size.rule;
  const bool share_of_bound =
      rule == StepSizeRule::kBoundFraction || rule == StepSizeRule::kLearnedBoundFraction;
  if (!share_of_bound && 2 * clamped > steps) {
    texts.push_back(
        fmt::format("the step bound cut the step size in {} of {} steps: the bound decides, not "
                    "--step-size; take a smaller step size, or more steps",
                    clamped, steps));
  }
  const std::int64_t unmoved = steps_without_a_move(trace);
  if (2 * unmoved > steps) {
    texts.push_back(
        fmt::format("in {} of {} steps no particle moved, since the step led to places of density "
                    "zero: take a smaller --step-size-value",
                    unmoved, steps));
  }
  const double alive = trace.back().alive;
  if (alive < 1.0) {
    texts.push_back(fmt::format(
        "truncation dropped {:.2g} % of the particles; the estimates at the particles are over the "
        "others",
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
    texts.push_back(blas_warning(runtime));
  }
  warn_about_learning(session, settings, texts);
  warn_about_estimates(session, conclusions, settings, texts);
  warn_about_convergence(conclusions, settings.sampler, target.dim(), texts);
  warn_about_divergence(session, settings.sampler, target.dim(), texts);
  warn_about_moves(session.run().trace(), settings.sampler.kind, texts);
  warn_about_steps(session, settings, texts);
  if (settings.animate && target.dim() != 2) {
    texts.push_back(
        fmt::format("--animate draws in two dimensions only; this target has {}", target.dim()));
  }
  return texts;
}

}  // namespace ergon::app
