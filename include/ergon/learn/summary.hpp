#pragma once

#include <optional>

#include "ergon/estimate/estimate.hpp"
#include "ergon/sampler/run.hpp"

namespace ergon {

/// What a run says about its target; each where the sampler tracks a density.
struct RunSummary {
  std::optional<Estimate> entropy;  ///< of the particles' law, -E[log q]; joint: per particle
  std::optional<Estimate> elbo;     ///< E[log p̄ - log q]
  std::optional<Estimate> log_z;    ///< importance weights p̄/q; joint: the ELBO
  std::optional<double> ess_share;  ///< of the importance weights; not for joint
};

/// Estimates from the particles at the end of a run, with log q as its density method carries it.
/// Dropped particles have weight zero: log q is that of the survivors' law (survivors_log_q). The
/// methods name the density, and under the joint one whether the ELBO is a lower bound on log Z: it
/// is when bandwidth and step size do not depend on the particles, and only approximately
/// otherwise.
RunSummary summarize(const Run& run, const SamplerOptions& options);

}  // namespace ergon
