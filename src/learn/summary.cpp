#include "ergon/learn/summary.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "ergon/sampler/moves.hpp"

namespace ergon {
namespace {

constexpr double kAtTheBound = 0.94;  // a leaky clamp stays below its bound

bool depends_on_particles(BandwidthRule rule) {
  return rule != BandwidthRule::kFixed && rule != BandwidthRule::kPerStep &&
         rule != BandwidthRule::kLearned && rule != BandwidthRule::kLearnedPerStep;
}

bool depends_on_particles(StepSizeRule rule) {
  return rule == StepSizeRule::kBoundFraction || rule == StepSizeRule::kLearnedBoundFraction ||
         rule == StepSizeRule::kNetwork;
}

// The joint Jacobian holds bandwidth and step size constant. Then log q(X) is exact where they are.
bool joint_density_is_exact(const std::vector<TraceRow>& trace, const SamplerOptions& options) {
  const bool bound_decided = std::any_of(trace.begin(), trace.end(), [](const TraceRow& row) {
    return std::isfinite(row.step_bound) && row.step_size >= kAtTheBound * row.step_bound;
  });
  const bool broken = std::any_of(trace.begin(), trace.end(),
                                  [](const TraceRow& row) { return row.noninvertible > 0; });
  return !bound_decided && !broken && !depends_on_particles(options.bandwidth.rule) &&
         !depends_on_particles(options.step_size.rule);
}

}  // namespace

RunSummary summarize(const Run& run, const SamplerOptions& options) {
  RunSummary summary;
  const State& state = run.state();
  if (!state.log_q.defined()) return summary;
  const Tensor log_q = survivors_log_q(state).to(at::kDouble);
  const Tensor log_weights = state.log_density.to(at::kDouble) - log_q;
  summary.entropy = mean_over_sets(-log_q, state.alive);
  summary.elbo = mean_over_sets(log_weights, state.alive);
  if (options.density.method == DensityMethod::kJoint) {
    const bool exact = joint_density_is_exact(run.trace(), options);
    summary.entropy->method =
        "joint entropy of all particles, per particle: " + summary.entropy->method;
    summary.log_z = summary.elbo;
    summary.log_z->method = (exact ? "lower bound (ELBO of all particles together): "
                                   : "approximate lower bound (ELBO of all particles together; "
                                     "bandwidth or step size depend on them): ") +
                            summary.elbo->method;
    return summary;
  }
  summary.log_z = log_z_importance(log_weights, state.alive);
  summary.log_z->method += fmt::format(", {} density", to_name(options.density.method));
  summary.ess_share = importance_ess_share(log_weights, state.alive);
  return summary;
}

}  // namespace ergon
