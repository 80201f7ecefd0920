#pragma once

#include "ergon/core/tensor.hpp"

/// Weights of sets of particles, (..., M) each, in float64.
namespace ergon {

/// (Σw)² / (M Σw²), (..., M) -> (...), in [1/M, 1]; NaN where every weight is zero.
Tensor effective_share(const Tensor& log_weight);

/// w / Σw, (..., M); NaN where every weight of a set is zero.
Tensor normalised_weights(const Tensor& log_weight);

/// log (1/M) Σw, (..., M) -> (...).
Tensor log_mean_weight(const Tensor& log_weight);

/// Systematic resampling (Kitagawa 1996; Douc, Cappé and Moulines 2005): indices of particles,
/// (..., M) int64 in increasing order, the one at which the cumulative normalised weight first
/// exceeds (i + u)/M, i = 0..M-1. Particle m is taken ⌊M w_m⌋ or ⌈M w_m⌉ times, M w_m on average
/// over u; never with weight zero. uniform: (...) u in [0, 1).
Tensor systematic_resampling(const Tensor& log_weight, const Tensor& uniform);

}  // namespace ergon
