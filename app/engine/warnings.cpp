#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ergon/sampler/parameters.hpp"
#include "result.hpp"

namespace ergon::app {
namespace {

constexpr double kSmallEssShare = 0.1;
constexpr double kLargeResidualPerDimension = 0.1;
constexpr double kElboNoise = 4.0;  // standard errors
constexpr double kSmallElboFall = 0.02;
constexpr double kFallPerDimension = 10.0;
constexpr double kSmallMove = 1e-6;  // bandwidths
constexpr double kAtTheBound = 0.99;
constexpr double kAtTheBoundLeaky = 0.94;  // a leaky clamp stays a little below

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
  const std::string target = target_text(settings.target);
  if (!settings.fitted.empty() && settings.fitted_target != target) {
    texts.push_back(fmt::format("the reused parameters were fitted to the target '{}', not to '{}'",
                                settings.fitted_target, target));
  }
}

/// What of an estimate is NaN or infinite, and thus null in JSON.
void collect_uncomputed(const char* name,
                        const std::optional<Estimate>& estimate,
                        std::vector<std::string>& names) {
  if (!estimate) return;
  if (!std::isfinite(estimate->value)) {
    names.emplace_back(name);
  } else if (!std::isfinite(estimate->standard_error)) {
    names.push_back(fmt::format("the standard error of {}", name));
  }
}

void warn_about_estimates(const Conclusions& conclusions, std::vector<std::string>& texts) {
  std::vector<std::string> names;
  collect_uncomputed("log Z", conclusions.log_z, names);
  collect_uncomputed("the entropy", conclusions.entropy, names);
  collect_uncomputed("the ELBO", conclusions.elbo, names);
  if (names.empty()) return;
  texts.push_back(
      fmt::format("{} could not be computed: log q or log p̄ is not finite at some particle",
                  fmt::join(names, ", ")));
}

void warn_about_convergence(const Conclusions& conclusions,
                            const SamplerOptions& sampler,
                            std::int64_t dim,
                            std::vector<std::string>& texts) {
  if (conclusions.ess_share && *conclusions.ess_share < kSmallEssShare) {
    texts.push_back(
        fmt::format("the importance weights are worth only {:.2g} % of the particles: do not trust "
                    "log Z; fit longer, take more steps, or widen q0",
                    100 * *conclusions.ess_share));
  }
  if (sampler.hessian.trace == HessianTrace::kOff) return;  // the residual then lacks tr H
  const double limit = kLargeResidualPerDimension * static_cast<double>(dim);
  if (conclusions.stein_residual && *conclusions.stein_residual > limit) {
    texts.push_back(
        fmt::format("Stein's identity is off by {:.3g} (above {:.3g} = 0.1 D) at the last step: "
                    "the particles have not reached the target; take more steps or fit longer",
                    *conclusions.stein_residual, limit));
  }
}

void warn_about_elbo(const Session& session,
                     const Conclusions& conclusions,
                     DensityMethod density,
                     std::vector<std::string>& texts) {
  const auto& trace = session.run().trace();
  const double last = trace.back().elbo;
  if (!conclusions.elbo || !std::isfinite(conclusions.elbo->standard_error)) return;
  const auto lower = [](const TraceRow& a, const TraceRow& b) {
    return std::isfinite(b.elbo) && (!std::isfinite(a.elbo) || a.elbo < b.elbo);
  };
  const TraceRow& best = *std::max_element(trace.begin(), trace.end(), lower);
  const double fall = best.elbo - last;
  const double noise = std::max(kElboNoise * conclusions.elbo->standard_error, kSmallElboFall);
  if (!std::isfinite(fall) || fall <= noise) return;
  texts.push_back(fmt::format(
      "the ELBO was higher at step {} ({:.5g}) than at the end ({:.5g}): later steps add "
      "more error of the {} density than they gain; take fewer --steps, smaller steps, "
      "or --fit",
      best.step, best.elbo, last, to_name(density)));
}

void warn_about_divergence(const Session& session,
                           const SamplerOptions& sampler,
                           std::int64_t dim,
                           std::vector<std::string>& texts) {
  const double first = session.run().trace().front().log_density;
  const double last = session.run().trace().back().log_density;
  if (std::isfinite(last) && !(first - last > kFallPerDimension * static_cast<double>(dim))) return;
  const bool bounded = sampler.bound.bound != StepBound::kNone;
  texts.push_back(fmt::format(
      "the particles' mean log-density fell from {:.4g} to {:.4g}: the steps are too "
      "large and the particles have left the target; take a smaller --step-size-value{}",
      first, last, bounded ? "" : ", or --sampler met-svgd, which bounds its steps"));
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

void warn_about_moves(const std::vector<TraceRow>& trace, std::vector<std::string>& texts) {
  std::int64_t undone = 0;
  std::int64_t noninvertible = 0;
  for (const TraceRow& row : trace) {
    undone += row.nonfinite;
    noninvertible += row.noninvertible;
  }
  if (undone > 0) {
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
  if (settings.sampler.step_size.rule != StepSizeRule::kBoundFraction && 2 * clamped > steps) {
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
  warn_about_estimates(conclusions, texts);
  warn_about_convergence(conclusions, settings.sampler, target.dim(), texts);
  warn_about_elbo(session, conclusions, settings.sampler.density.method, texts);
  warn_about_divergence(session, settings.sampler, target.dim(), texts);
  warn_about_moves(session.run().trace(), texts);
  warn_about_steps(session, settings, texts);
  if (settings.animate && target.dim() != 2) {
    texts.push_back(
        fmt::format("--animate draws in two dimensions only; this target has {}", target.dim()));
  }
  return texts;
}

}  // namespace ergon::app
