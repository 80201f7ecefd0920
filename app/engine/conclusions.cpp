#include "conclusions.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "ergon/estimate/chains.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kFewestChainDraws = 4;

/// The mean of what is defined of a column, or none.
std::optional<double> mean_of(const std::vector<TraceRow>& trace, double TraceRow::*column) {
  double sum = 0.0;
  int count = 0;
  for (const TraceRow& row : trace) {
    if (!std::isfinite(row.*column)) continue;
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

ChainDiagnostics diagnose_chains(const Run& run) {
  ChainDiagnostics found;
  found.acceptance_forward = mean_of(run.trace(), &TraceRow::acceptance_forward);
  found.acceptance_inverse = mean_of(run.trace(), &TraceRow::acceptance_inverse);
  found.acceptance_refresh = mean_of(run.trace(), &TraceRow::acceptance_refresh);
  found.swap_share = mean_of(run.trace(), &TraceRow::swap_share);
  const Tensor draws = run.chains();
  if (!draws.defined()) return found;
  found.chains = draws.size(0);
  found.draws = draws.size(1);
  if (found.draws < kFewestChainDraws || !draws.isfinite().all().item<bool>()) return found;
  found.r_hat_max = split_r_hat(draws).max().item<double>();
  found.bulk_ess_min = bulk_effective_sample_size(draws).min().item<double>();
  return found;
}

void put_on_top(const FlowEstimates& flow, Conclusions& conclusions) {
  conclusions.source = EstimateSource::kFlow;
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
  conclusions.source = EstimateSource::kParticles;
  conclusions.log_z = particles.log_z;
  conclusions.entropy = particles.entropy;
  conclusions.elbo = particles.elbo;
  conclusions.ess_share = particles.ess_share;
}

}  // namespace

Conclusions conclude(const Session& session, const RunSettings& settings) {
  const auto& trace = session.run().trace();
  Conclusions conclusions;
  conclusions.particles = summarize(session.run(), settings.sampler);
  conclusions.stein_residual = last_of(trace, &TraceRow::stein_residual);
  conclusions.acceptance = mean_of(trace, &TraceRow::acceptance);
  if (settings.sampler.kind == SamplerKind::kSteinMh) {
    conclusions.chains = diagnose_chains(session.run());
  } else if (!records_flow(settings)) {
    put_on_top(conclusions.particles, conclusions);
  } else if (session.flow() && session.flow()->estimates) {
    put_on_top(*session.flow()->estimates, conclusions);
  }
  return conclusions;
}

}  // namespace ergon::app
