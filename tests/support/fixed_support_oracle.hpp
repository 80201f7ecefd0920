#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"
#include "ergon/stein/fixed_support.hpp"

namespace ergon::testing {

/// A support with scores of no particular target and a bandwidth that lets most pairs interact,
/// float64; batch 0: no leading dimension.
stein::Support random_support(std::int64_t batch,
                              std::int64_t count,
                              std::int64_t dim,
                              std::uint64_t seed);

/// Independent N(0, scale²) points (..., n, D) for a support, float64.
Tensor points_near(const stein::Support& support,
                   std::int64_t rows,
                   double scale,
                   std::uint64_t seed);

/// share / lipschitz_bound, detached.
Tensor certified_step(const stein::Support& support, double share);

/// φ_B(x) by its definition, from all differences: (..., n, D).
Tensor oracle_field(const stein::Support& support, const Tensor& x);

/// ∇φ_B(x) by automatic differentiation of oracle_field (with a graph): (..., n, D, D).
Tensor oracle_jacobian(const stein::Support& support, const Tensor& x);

/// T(x) and log|det ∇T(x)| by pivoted elimination of oracle_jacobian.
stein::Pushed oracle_push(const stein::Support& support, const Tensor& step, const Tensor& x);

}  // namespace ergon::testing
