#include "estimate_warnings.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/estimate/expectation.hpp"

namespace ergon::app {
namespace {

constexpr double kSmallEssShare = 0.1;
constexpr double kElboNoise = 4.0;  // standard errors
constexpr double kSmallElboFall = 0.02;
constexpr double kMissedNoise = 4.0;  // standard errors
constexpr double kSmallMissed = 0.05;
constexpr double kSmallWay = 1e-3;  // standard deviations of q⁰
constexpr double kGoodEssShare = 0.9;
constexpr double kLargeRHat = 1.01;
constexpr double kUncut = 0.999;  // of the step size taken, against rounding

/// What of an estimate is NaN or infinite, and thus null in JSON. Why the flow's have no standard
/// error, reasons_for_distrust says.
void collect_uncomputed(const char* name,
                        const std::optional<Estimate>& estimate,
                        bool flow,
                        std::vector<std::string>& names) {
  if (!estimate) return;
  if (!std::isfinite(estimate->value)) {
    names.emplace_back(name);
  } else if (!flow && !std::isfinite(estimate->standard_error)) {
    names.push_back(fmt::format("the standard error of {}", name));
  }
}

void warn_about_uncomputed(const Conclusions& conclusions, std::vector<std::string>& texts) {
  const bool flow = conclusions.source == Source::kFlow;
  const bool explained = flow || conclusions.source == Source::kWeights ||
                         conclusions.source == Source::kReplicas;  // why there is no error
  std::vector<std::string> names;
  collect_uncomputed("log Z", conclusions.log_z, explained, names);
  collect_uncomputed("the entropy", conclusions.entropy, explained, names);
  collect_uncomputed("the ELBO", conclusions.elbo, explained, names);
  if (names.empty()) return;
  texts.push_back(fmt::format("{} could not be computed: log q or log p̄ is not finite at some {}",
                              fmt::join(names, ", "), flow ? "draw" : "particle"));
}

void warn_about_weights(const Conclusions& conclusions,
                        SamplerKind kind,
                        std::vector<std::string>& texts) {
  if (!conclusions.ess_share || *conclusions.ess_share >= kSmallEssShare) return;
  if (conclusions.source == Source::kWeights) {
    texts.push_back(fmt::format(
        "the importance weights are worth only {:.2g} % of the particles; {}",
        100 * *conclusions.ess_share,
        kind == SamplerKind::kFlow
            ? "fit longer (--fit), take more --flow-layers or another --flow, or start wider with "
              "--initial-stddev"
            : "take more --steps (ais) or --particles, or a better q0"));
    return;
  }
  const bool flow = conclusions.source == Source::kFlow;
  texts.push_back(fmt::format(
      "the importance weights are worth only {:.2g} % of the {}; fit longer, take more steps, {}or "
      "widen q0",
      100 * *conclusions.ess_share, flow ? "draws" : "particles: do not trust log Z",
      flow ? "--precondition full (stein-flow), " : ""));
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

// ---- the flow
// ------------------------------------------------------------------------------------------------------

/// Steps that the sampler took and the flow does not, as its share of the certified bound is
/// smaller.
std::int64_t cut_steps(const Run& run) {
  const auto& steps = run.recorded_steps();
  std::int64_t cut = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double recorded = steps[i].step_size.to(at::kDouble).mean().item<double>();
    if (recorded < kUncut * run.trace()[i + 1].step_size) ++cut;
  }
  return cut;
}

void warn_about_cut_steps(const Run& run, std::vector<std::string>& texts) {
  const std::int64_t cut = cut_steps(run);
  const auto steps = static_cast<std::int64_t>(run.recorded_steps().size());
  if (2 * cut <= steps) return;
  texts.push_back(fmt::format(
      "{} of {} steps were longer than the certified bound allows and are cut in the flow: its "
      "draws lag behind the particles; take a smaller --step-size-value, or --bound certified",
      cut, steps));
}

/// KL(p | q) from exact draws of p against what the flow's own weighted draws say of it: they
/// cannot see mass where the flow has none.
void warn_about_missed_mass(const std::optional<Estimate>& eubo,
                            const WeightedDraws& weighted,
                            const char* advice,
                            std::vector<std::string>& texts) {
  if (!eubo) return;
  const Expectation seen = expectation_under_weights(weighted.log_weight.unsqueeze(1), weighted);
  const double excess = eubo->value - seen.mean.item<double>();
  const double noise = std::hypot(eubo->standard_error, seen.standard_error.item<double>());
  if (excess <= kMissedNoise * noise + kSmallMissed) return;  // an infinite EUBO goes on
  texts.push_back(fmt::format(
      "exact draws of the target find mass that the flow misses: the EUBO is {:.4g}, the flow's "
      "own draws say {:.4g}; log Z and entropy leave that mass out, which Pareto k cannot see; "
      "take {}",
      eubo->value, seen.mean.item<double>(), advice));
}

void warn_about_no_bound(const std::string& failure, std::vector<std::string>& texts) {
  if (failure.empty()) return;
  texts.push_back("there is no EUBO, so that mass the flow misses would not be seen: " + failure);
}

/// The draws of --sampler flow.
void warn_about_normalizing_flow(const Session& session, std::vector<std::string>& texts) {
  const State& state = session.run().state();
  const Tensor log_density = state.log_density.flatten().to(at::kDouble);
  const Tensor log_weight = log_density - state.log_q.flatten().to(at::kDouble);
  const Tensor weighty = log_weight.isfinite();
  if (weighty.any().item<bool>()) {
    warn_about_missed_mass(session.upper_bound().eubo,
                           {log_weight.index({weighty}), log_density.index({weighty})},
                           "a larger --initial-stddev, or --sampler stein-flow, smc or "
                           "parallel-tempering where modes are apart",
                           texts);
  }
  warn_about_no_bound(session.upper_bound().failure, texts);
}

void warn_about_flow(const Session& session,
                     const RunSettings& settings,
                     std::vector<std::string>& texts) {
  const FlowRecord& record = *session.flow();
  if (!record.estimates) {
    texts.push_back("the flow's estimates could not be had: " + record.failure);
    return;
  }
  const FlowEstimates& flow = *record.estimates;
  for (std::string& reason : reasons_for_distrust(flow)) texts.push_back(std::move(reason));
  if (settings.flow.determinant == FlowDeterminant::kSeries) {
    texts.push_back(
        "under --flow-determinant series the ELBO is unbiased, but log Z and entropy are "
        "approximate: the spread of the determinants' estimates enters the weights; take auto, or "
        "more --flow-terms and --flow-probes");
  }
  warn_about_cut_steps(session.run(), texts);
  if (flow.displacement < kSmallWay && flow.ess_share < kGoodEssShare) {
    texts.push_back(
        "the steps leave fresh draws where they were: the bandwidth is far below the distance "
        "between them and the particles; take a larger --bandwidth-value, --bandwidth median, or "
        "fit longer");
  }
  warn_about_missed_mass(flow.eubo, flow.weighted,
                         "--initial mixture or a larger --initial-stddev, or a larger "
                         "--defensive-scale",
                         texts);
  warn_about_no_bound(flow.eubo_failure, texts);
  if (flow.nonfinite > 0) {
    texts.push_back(
        fmt::format("at {} of {} draws the log-density was not a number: they count as weight zero",
                    flow.nonfinite, flow.draws));
  }
}

// ---- the chains
// ----------------------------------------------------------------------------------------------------

void warn_about_chains(const ChainDiagnostics& chains,
                       SamplerKind kind,
                       std::vector<std::string>& texts) {
  if (!chains.r_hat_max) {
    texts.push_back(fmt::format(
        "whether the chains have converged could not be judged from {} draws of each: take more "
        "--steps",
        chains.draws));
  } else if (!std::isfinite(*chains.r_hat_max)) {
    texts.push_back(
        fmt::format("the chains did not move at all in some coordinate: take {}",
                    kind == SamplerKind::kSteinMh
                        ? "--refresh langevin, a larger --bandwidth-value (--bandwidth fixed), or "
                          "more --particles"
                        : "a smaller --step-size-value, or start nearer to the target with "
                          "--initial-mean and --initial-stddev"));
  } else if (*chains.r_hat_max > kLargeRHat) {
    texts.push_back(fmt::format(
        "the chains have not mixed: R-hat is {:.3f} (above {}); take more --steps, {}or start "
        "nearer to the target with --initial-mean and --initial-stddev",
        *chains.r_hat_max, kLargeRHat,
        kind == SamplerKind::kSteinMh ? "a --refresh-step-size that has the random moves "
                                        "accepted about six times in ten, "
        : kind == SamplerKind::kParallelTempering ? "more --replicas, "
                                                  : "--sampler parallel-tempering where modes are "
                                                    "apart, "));
  }
  if (chains.divergent > 0) {
    texts.push_back(fmt::format(
        "{} trajectories after the warm-up diverged: the chains cannot follow the density where it "
        "is steepest, and draws miss it; take a larger --target-acceptance, or a smaller "
        "--step-size-value under --step-size fixed",
        chains.divergent));
  }
}

/// Independent weighted particles can be judged by their weights' tail, sets by their number.
void warn_about_particle_weights(const ImportanceEstimates& weights,
                                 const SamplerOptions& sampler,
                                 std::vector<std::string>& texts) {
  if (sampler.kind != SamplerKind::kSmc) {
    for (std::string& reason : reasons_for_distrust(weights)) texts.push_back(std::move(reason));
  } else if (sampler.sets < 4) {
    texts.push_back(
        fmt::format("standard errors come from the spread of --sets {}: take at least 4 for one "
                    "that can be trusted",
                    sampler.sets));
  }
}

}  // namespace

void warn_about_estimates(const Session& session,
                          const Conclusions& conclusions,
                          const RunSettings& settings,
                          std::vector<std::string>& texts) {
  warn_about_uncomputed(conclusions, texts);
  warn_about_weights(conclusions, settings.sampler.kind, texts);
  if (conclusions.source == Source::kParticles) {
    warn_about_elbo(session, conclusions, settings.sampler.density.method, texts);
  }
  if (session.flow()) warn_about_flow(session, settings, texts);
  if (session.normalizing_flow()) warn_about_normalizing_flow(session, texts);
  if (conclusions.chains) {
    warn_about_chains(*conclusions.chains, settings.sampler.kind, texts);
  }
  if (conclusions.weights) {
    warn_about_particle_weights(*conclusions.weights, settings.sampler, texts);
  }
}

}  // namespace ergon::app
