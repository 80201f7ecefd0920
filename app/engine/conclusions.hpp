#pragma once

#include <cstdint>
#include <optional>

#include "ergon/learn/summary.hpp"
#include "session.hpp"

namespace ergon::app {

/// What the Markov chains of stein-mh say about their own convergence.
struct ChainDiagnostics {
  std::optional<double> r_hat_max;     ///< over the coordinates
  std::optional<double> bulk_ess_min;  ///< over the coordinates, of the kept draws of all chains
  std::int64_t draws = 0;              ///< kept of every chain
  std::int64_t chains = 0;
  std::optional<double> acceptance_forward, acceptance_inverse, acceptance_refresh,
      swap_share;  ///< means over steps
};

/// What is concluded from a run. Each where the sampler and --estimate make it possible.
struct Conclusions {
  std::optional<EstimateSource> source;  ///< of the estimates that follow; none: there are none
  std::optional<Estimate> log_z, entropy, elbo, eubo;
  std::optional<double> ess_share, pareto_k;
  std::optional<std::int64_t> draws, nonfinite_draws;  ///< through the flow
  RunSummary particles;                                ///< the published estimates at the particles
  std::optional<ChainDiagnostics> chains;
  std::optional<double> stein_residual;  ///< at the last step
  std::optional<double> acceptance;      ///< mean over the steps that accept or reject
};

Conclusions conclude(const Session& session, const RunSettings& settings);

}  // namespace ergon::app
