#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/estimate/importance.hpp"
#include "ergon/sampler/flow_options.hpp"
#include "ergon/sampler/run.hpp"
#include "ergon/sampler/stein_flow.hpp"

namespace ergon {

/// Estimates from fresh draws through flows, and the draws themselves.
struct FlowEstimates : ImportanceEstimates {
  std::optional<Estimate> eubo;  ///< where exact draws were given
  std::string eubo_failure;      ///< why there is none in spite of exact draws; empty otherwise
  Tensor draws_x;                ///< (n, D)  the fresh draws, flow by flow
  WeightedDraws weighted;        ///< their weights, log p̄ and strata
  Tensor flow_log_q;  ///< (n) log-density of a draw under its own flow alone; NaN at the draws of a
                      ///< defensive proposal
  double displacement = 0.0;  ///< root mean square way of the draws through the steps, in standard
                              ///< deviations of q⁰
  std::int64_t nonfinite = 0;  ///< draws at which log p̄ was not a number; they count as weight zero
};

/// Called with the number of draws that are made so far; may throw to stop the work.
using DrawObserver = std::function<void(std::int64_t done)>;

/// The flows of a recorded run, one per set.
std::vector<SteinFlow> flows_of(const Run& run, const FlowOptions& options);

/// Draws options.draws points, an equal number through every flow, evaluates the target there once
/// each, and estimates log Z, entropy, ELBO and, where `exact` holds independent exact draws (m, D)
/// of the target, EUBO. With a
/// defensive proposal d the law of a flow's draws is (1-a) q + a d, a = defensive_share, sampled by
/// strata, log Z, entropy, EUBO, ess_share and pareto_k are those of that law, and the ELBO that of
/// the flow's own draws. Differs between seeds in its draws alone. Throws NumericalFailure: every
/// weight is zero, or an inversion did not converge.
FlowEstimates estimate_with_flows(const std::vector<SteinFlow>& flows,
                                  const LogDensity& density,
                                  const FlowOptions& options,
                                  Seed seed,
                                  const Tensor& exact = {},
                                  const DrawObserver& observer = {});

}  // namespace ergon
