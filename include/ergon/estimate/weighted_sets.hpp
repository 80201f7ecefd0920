#pragma once

#include "ergon/core/tensor.hpp"
#include "ergon/estimate/expectation.hpp"
#include "ergon/estimate/importance.hpp"

/// Estimates from independent sets of weighted particles that depend on each other within a set, as
/// resampling leaves them: (1/M) Σ w of a set estimates Z without bias. Pure functions of arrays,
/// in float64; errors from deleting one set at a time.
namespace ergon {

/// log_weight, log_density: (R, M), -inf where a weight is zero. log Z = log of the mean weight
/// over all sets; entropy = log Z - Σ w log p̄ / Σ w; elbo = mean over the sets of log (1/M) Σ w, a
/// lower bound on log Z in expectation by Jensen's inequality; ess_share of all weights. Standard
/// errors are NaN for a single set. Throws NumericalFailure when all weights of a set are zero or
/// one is no number, and InvalidInput for shapes that do not belong together.
ImportanceEstimates weighted_set_estimates(const Tensor& log_weight, const Tensor& log_density);

/// Weighted mean and standard deviation of every coordinate, with the standard error of the mean,
/// values: (R, M, D), log_weight: (R, M).
Expectation expectation_over_sets(const Tensor& values, const Tensor& log_weight);

}  // namespace ergon
