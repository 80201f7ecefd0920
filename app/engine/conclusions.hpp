#pragma once

#include <cstdint>
#include <optional>

#include "ergon/core/enum_names.hpp"
#include "ergon/estimate/expectation.hpp"
#include "ergon/learn/summary.hpp"
#include "session.hpp"

namespace ergon::app {

/// Where the estimates of log Z, entropy and ELBO come from.
enum class Source {
  kFlow,       ///< fresh draws through the recorded flow
  kParticles,  ///< the particles, with log q as their sampler carries it
  kWeights,    ///< weighted particles: laplace, flow, ais, smc
  kReplicas    ///< parallel-tempering: stepping stones between temperatures
};

/// What Markov chains say about their own convergence.
struct ChainDiagnostics {
  std::optional<double> r_hat_max;     ///< over the coordinates
  std::optional<double> bulk_ess_min;  ///< over the coordinates, of the kept draws of all chains
  std::optional<double> tail_ess_min;  ///< likewise
  std::optional<double> mean_ess_min;  ///< likewise, for the mean
  std::int64_t divergent = 0;          ///< trajectories after the warm-up
  std::optional<double> tree_depth, swap_acceptance;  ///< means over steps
  std::int64_t draws = 0;                             ///< kept of every chain
  std::int64_t chains = 0;
  std::optional<double> acceptance_forward, acceptance_inverse, acceptance_refresh,
      swap_share;  ///< means over steps
};

/// What is concluded from a run. Each where the sampler and --estimate make it possible.
struct Conclusions {
  std::optional<Source> source;  ///< of the estimates that follow; none: there are none
  std::optional<Estimate> log_z, entropy, elbo, eubo;
  std::optional<double> ess_share, pareto_k;
  std::optional<std::int64_t> draws, nonfinite_draws;  ///< through the flow
  std::optional<ImportanceEstimates> weights;          ///< laplace, flow, ais, smc
  RunSummary particles;                                ///< the published estimates at the particles
  std::optional<ChainDiagnostics> chains;
  std::optional<double> stein_residual;  ///< at the last step
  std::optional<double> acceptance;      ///< mean over the steps that accept or reject
};

Conclusions conclude(const Session& session, const RunSettings& settings);

/// Mean and standard deviation of every coordinate as the run knows them best, and of what they
/// are: "target" (weighted draws), "chains" or "particles".
struct Moments {
  std::string of;
  Expectation coordinates;  ///< standard_error undefined for particles
};
Moments moments_of(const Session& session, const RunSettings& settings, std::int64_t dim);

}  // namespace ergon::app

template <>
struct ergon::EnumNames<ergon::app::Source> {
  static const std::vector<EnumName<ergon::app::Source>>& all();
};
