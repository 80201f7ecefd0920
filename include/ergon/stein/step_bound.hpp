#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"

/// How far a step may go and stay invertible, and what to do with a step size that asks for more.
/// Norms are (..., M), one per particle; the bound of a set is the smallest over its live
/// particles, (...). safety = α in (0, 1].
namespace ergon::stein {

/// α / max_i ‖A_i‖ for a norm that bounds the spectral radius (Frobenius as published; spectral).
/// (15)
Tensor norm_bound(const Tensor& norm, double safety, const Tensor& alive = {});

/// α / max_i (m_i + s_i √(D-1) + 1e-5) with m = |tr A|/D, s² = | ‖A‖_F²/D - m² |: a bound on
/// |eigenvalues| (Wolkowicz and Styan 1980), as the public reference implementation computes it.
/// (16)
Tensor eigenvalue_bound(const Tensor& trace,
                        const Tensor& frobenius_squared,
                        std::int64_t dim,
                        double safety,
                        const Tensor& alive = {});

/// min(ε, bound).
Tensor hard_clamp(const Tensor& step_size, const Tensor& bound);
/// ε below the bound, max(0, bound - 1e-5 (ε - bound)) above it: keeps a gradient.
Tensor leaky_clamp(const Tensor& step_size, const Tensor& bound);

}  // namespace ergon::stein
