#pragma once

#include "ergon/core/tensor.hpp"

/// How the inverse temperatures β of the path π_β ∝ q⁰^{1-β} p̄^β are chosen. Everything in float64;
/// equations refer to docs/maths/annealing.md.
namespace ergon {

/// Share of the particles that the conditional effective sample size keeps when π_β becomes
/// π_{β+δ}, (72): (Σ W w)² / Σ W w², w = (p̄/q⁰)^δ, W the normalised weights, over the particles
/// with W w > 0. log_weight, log_ratio = log p̄/q⁰: (..., M); increment δ > 0: (...). Returns (...).
Tensor conditional_ess_share(const Tensor& log_weight,
                             const Tensor& log_ratio,
                             const Tensor& increment);

/// The β in (current, 1] at which that share is `share`, or 1 where it is larger still there, by
/// bisection in log δ to 1e-9 of δ; at least the next number above `current`, and 1 once it is
/// within 1e-13 of it. current: (...) below 1. 1 where fewer than two particles have weight.
Tensor next_inverse_temperature(const Tensor& current,
                                const Tensor& log_weight,
                                const Tensor& log_ratio,
                                double share);

/// Values of the piecewise linear function through (x_k, y_k), x increasing, at `where`; constant
/// beyond the ends. x, y: (..., K); where: (..., n) -> (..., n).
Tensor interpolate(const Tensor& x, const Tensor& y, const Tensor& where);

/// The ladder of as many β on which neighbours reject equally often (81), from the rates measured
/// on `ladder` (..., K), rejection (..., K-1): β at equal steps of the barrier
/// Λ(β_k) = Σ_{j<k} erfinv(r_j), interpolated in log(β + β_1/10). Ends stay 0 and 1.
Tensor equal_rejection_ladder(const Tensor& ladder, const Tensor& rejection);

}  // namespace ergon
