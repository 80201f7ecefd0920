#include "conclusions.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "ergon/estimate/chains.hpp"
#include "ergon/estimate/expectation.hpp"
#include "ergon/estimate/weighted_sets.hpp"
#include "ergon/sampler/parallel_tempering.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kFewestChainDraws = 4;

/// The mean of what is defined of a column, of chains after their warm-up, or none.
std::optional<double> mean_of(const Run& run, SamplerKind kind, double TraceRow::*column) {
  const std::int64_t first = makes_chains(kind) && run.chains().defined() ? run.warmup_steps() : 0;
  double sum = 0.0;
  int count = 0;
  for (const TraceRow& row : run.trace()) {
    if (row.step <= first || !std::isfinite(row.*column)) continue;
    sum += row.*column;
    ++count;
  }
  return count == 0 ? std::nullopt : std::optional<double>(sum / count);
}

std::optional<double> last_of(const std::vector<TraceRow>& trace, double TraceRow::*column) {
  for (auto row = trace.rbegin(); row != trace.rend(); ++row) {
    if (std::isfinite((*row).*column)) return (*row).*column;
  }
  return std::nullopt;
}

std::int64_t divergent_after_warmup(const Run& run) {
  std::int64_t divergent = 0;
  for (const TraceRow& row : run.trace()) {
    if (row.step > run.warmup_steps()) divergent += row.divergent;
  }
  return divergent;
}

ChainDiagnostics diagnose_chains(const Run& run, SamplerKind kind) {
  ChainDiagnostics found;
  found.chains = run.state().log_density.numel();
  found.acceptance_forward = mean_of(run, kind, &TraceRow::acceptance_forward);
  found.acceptance_inverse = mean_of(run, kind, &TraceRow::acceptance_inverse);
  found.acceptance_refresh = mean_of(run, kind, &TraceRow::acceptance_refresh);
  found.swap_share = mean_of(run, kind, &TraceRow::swap_share);
  found.tree_depth = mean_of(run, kind, &TraceRow::tree_depth);
  found.swap_acceptance = mean_of(run, kind, &TraceRow::swap_acceptance);
  found.divergent = divergent_after_warmup(run);
  const Tensor draws = run.chains();
  if (!draws.defined()) return found;
  found.draws = draws.size(1);
  if (found.draws < kFewestChainDraws || !draws.isfinite().all().item<bool>()) return found;
  found.r_hat_max = split_r_hat(draws).max().item<double>();
  found.bulk_ess_min = bulk_effective_sample_size(draws).min().item<double>();
  found.tail_ess_min = tail_effective_sample_size(draws).min().item<double>();
  found.mean_ess_min = mean_effective_sample_size(draws).min().item<double>();
  return found;
}

void put_on_top(const FlowEstimates& flow, Conclusions& conclusions) {
  conclusions.source = Source::kFlow;
  conclusions.log_z = flow.log_z;
  conclusions.entropy = flow.entropy;
  conclusions.elbo = flow.elbo;
  conclusions.eubo = flow.eubo;
  conclusions.ess_share = flow.ess_share;
  conclusions.pareto_k = flow.pareto_k;
  conclusions.draws = flow.draws;
  conclusions.nonfinite_draws = flow.nonfinite;
}

void put_on_top(const RunSummary& particles, Conclusions& conclusions) {
  if (!particles.log_z) return;
  conclusions.source = Source::kParticles;
  conclusions.log_z = particles.log_z;
  conclusions.entropy = particles.entropy;
  conclusions.elbo = particles.elbo;
  conclusions.ess_share = particles.ess_share;
}

/// Laplace, flow and ais: independent weighted particles; smc: independent sets of them.
void put_weights_on_top(const State& state, SamplerKind kind, Conclusions& conclusions) {
  const Tensor log_weight =
      draws_independently(kind) ? state.log_density - state.log_q : state.log_weight;
  const ImportanceEstimates found =
      kind == SamplerKind::kSmc
          ? weighted_set_estimates(log_weight, state.log_density)
          : importance_estimates({log_weight.flatten(), state.log_density.flatten()});
  conclusions.source = Source::kWeights;
  conclusions.log_z = found.log_z;
  conclusions.entropy = found.entropy;
  conclusions.elbo = found.elbo;
  conclusions.ess_share = found.ess_share;
  if (kind != SamplerKind::kSmc) conclusions.pareto_k = found.pareto_k;
  conclusions.weights = found;
}

/// Stepping stones: one estimate a set, averaged on the log scale.
void put_replicas_on_top(const Run& run, Conclusions& conclusions) {
  if (!run.chains().defined()) return;  // no step since the warm-up
  const Tensor log_z = stepping_stone_log_z(run.state()).to(at::kDouble).reshape({-1, 1});
  if (!log_z.isfinite().all().item<bool>()) return;
  Estimate estimate = mean_over_sets(log_z, {});
  if (log_z.size(0) < 2) {  // one estimate has no spread
    estimate.standard_error = std::nan("");
    estimate.interval = {};
  }
  estimate.method = fmt::format("stepping stones between replicas, {}", estimate.method);
  conclusions.source = Source::kReplicas;
  conclusions.log_z = estimate;
}

}  // namespace

Moments moments_of(const Session& session, const RunSettings& settings, std::int64_t dim) {
  if (session.flow() && session.flow()->estimates) {
    const FlowEstimates& flow = *session.flow()->estimates;
    return {"target", expectation_under_weights(flow.draws_x, flow.weighted)};
  }
  const State& state = session.run().state();
  const SamplerKind kind = settings.sampler.kind;
  if (kind == SamplerKind::kSmc) {
    return {"target", expectation_over_sets(state.particles, state.log_weight)};
  }
  if (kind == SamplerKind::kAis || draws_independently(kind)) {
    const Tensor log_weight =
        kind == SamplerKind::kAis ? state.log_weight : state.log_density - state.log_q;
    return {"target",
            expectation_under_weights(state.particles.reshape({-1, dim}),
                                      {log_weight.flatten(), state.log_density.flatten()})};
  }
  const Tensor draws = session.run().chains();
  if (draws.defined() && draws.size(1) >= kFewestChainDraws &&
      draws.isfinite().all().item<bool>()) {
    const Tensor flat = draws.reshape({-1, dim});
    const Tensor stddev = flat.std(0, /*unbiased=*/true);
    return {"chains", {flat.mean(0), stddev, stddev / mean_effective_sample_size(draws).sqrt()}};
  }
  Tensor particles = state.particles.reshape({-1, dim}).to(at::kDouble);
  if (state.alive.defined()) particles = particles.index({state.alive.reshape({-1})});
  return {"particles", {particles.mean(0), particles.std(0, true), Tensor()}};
}

Conclusions conclude(const Session& session, const RunSettings& settings) {
  const auto& trace = session.run().trace();
  Conclusions conclusions;
  conclusions.particles = summarize(session.run(), settings.sampler);
  conclusions.stein_residual = last_of(trace, &TraceRow::stein_residual);
  const SamplerKind kind = settings.sampler.kind;
  conclusions.acceptance = mean_of(session.run(), kind, &TraceRow::acceptance);
  if (makes_chains(kind)) {
    conclusions.chains = diagnose_chains(session.run(), kind);
    if (kind == SamplerKind::kParallelTempering) {
      put_replicas_on_top(session.run(), conclusions);
    }
  } else if (draws_independently(kind) || anneals(kind)) {
    put_weights_on_top(session.run().state(), kind, conclusions);
    conclusions.eubo = session.upper_bound().eubo;
  } else if (!records_flow(settings)) {
    put_on_top(conclusions.particles, conclusions);
  } else if (session.flow() && session.flow()->estimates) {
    put_on_top(*session.flow()->estimates, conclusions);
  }
  return conclusions;
}

}  // namespace ergon::app

const std::vector<ergon::EnumName<ergon::app::Source>>&
ergon::EnumNames<ergon::app::Source>::all() {
  using ergon::app::Source;
  static const std::vector<EnumName<Source>> names = {
      {Source::kFlow, "flow", "fresh draws through the recorded flow"},
      {Source::kParticles, "particles", "the particles and their log q"},
      {Source::kWeights, "weights", "weighted particles"},
      {Source::kReplicas, "replicas", "stepping stones between temperatures"}};
  return names;
}
