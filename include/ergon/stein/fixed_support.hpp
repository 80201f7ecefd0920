#pragma once

#include <cstdint>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor.hpp"
#include "ergon/stein/support.hpp"

/// The Stein step with a fixed support, a map of all of R^D:
///   T(x) = x + ε φ_B(x),  φ_B(x) = (1/|B|) Σ_{j∈B} κ(x, x_j) [ s_j + β (x - x_j) ],  β = 1/σ².
///   (20)
/// Below the certified bound it is a diffeomorphism with a tractable log-determinant, so that the
/// steps of a run compose to a normalizing flow. Equation numbers refer to
/// docs/maths/stein_flow.md. Leading dimensions (...) are independent supports, those of points,
/// score and x alike. float32 and float64. Every function but invert() is differentiable in all
/// tensors to every order; on the CPU first derivatives are passes written by hand, those beyond
/// are composed of tensor operations with arrays (..., n, M, D). Bad shapes, types and masks are
/// InvalidInput.
namespace ergon::stein {

/// φ_B(x), (..., n, D) -> (..., n, D).
Tensor field(const Support& support, const Tensor& x);

/// ∇φ_B(x) = (1/|B|) Σ_j κ_j [ β I - β (s_j + β d_j) d_jᵀ ],  d_j = x - x_j:
/// (..., n, D) -> (..., n, D, D). (21)
Tensor field_jacobian(const Support& support, const Tensor& x);

/// A bound on the Lipschitz constant of φ_B over all of R^D, (...):
///   (1/|B|) Σ_j [ ‖s_j‖ e^{-1/2}/σ + 1/σ² ]. (22)
Tensor lipschitz_bound(const Support& support);

/// How log|det(I + ε ∇φ_B(x))| is obtained.
enum class Determinant {
  kAuto,     ///< the cheaper of the two exact ones
  kDense,    ///< elimination on D × D
  kLowRank,  ///< the matrix-determinant lemma, elimination on |B| × |B| (25)
};

/// Points and the log-determinant of the map that led to them.
struct Pushed {
  Tensor points;   ///< (..., n, D)
  Tensor log_det;  ///< (..., n)  log|det| of the map's Jacobian
};

/// T(x) and log det ∇T(x), (23) or (25). step_size: (...), below 1/lipschitz_bound; then every
/// leading minor of the Jacobian is positive and elimination needs no pivots. Throws InvalidInput
/// for a step beyond the bound.
Pushed push_forward(const Support& support,
                    const Tensor& step_size,
                    const Tensor& x,
                    Determinant determinant = Determinant::kAuto);

/// T(x) alone, (..., n, D).
Tensor push_forward_points(const Support& support, const Tensor& step_size, const Tensor& x);

/// T(x) with an unbiased estimate of log det ∇T(x) where both D and |B| are large: the power series
/// Σ_k (-1)^{k+1} ε^k vᵀ(∇φ)^k v / k, its first `terms` terms always, those beyond with a random
/// length and the reciprocal of their probability (Russian roulette), averaged over `probes`
/// Rademacher vectors. (24) Products with ∇φ cost O(|B| D). The exponential of such an estimate is
/// not an unbiased density: it serves an ELBO, not log Z. Up to 512 rows share a random length, so
/// that their errors are dependent through it.
Pushed push_forward_series(const Support& support,
                           const Tensor& step_size,
                           const Tensor& x,
                           std::int64_t terms,
                           std::int64_t probes,
                           Generator generator);

/// What an inversion found.
struct Inverted {
  Tensor points;    ///< (..., n, D)  x with T(x) = y
  Tensor log_det;   ///< (..., n)     log det ∇T(x), of the forward map, at the solution
  Tensor residual;  ///< (..., n)     ‖T(x) - y‖ / (1 + ‖y‖) at the solution
  std::int64_t iterations = 0;  ///< of the slowest point
};

/// T^{-1}(y), without a graph: Newton's step where it reduces the residual at least by the factor α
/// = ε Lip that the fixed-point iteration x ← y - ε φ_B(x) guarantees, that iteration elsewhere
/// (28); so the error is certified: ‖x - T^{-1}(y)‖ <= residual (1+‖y‖) / (1 - α). Throws
/// NumericalFailure when `tolerance` (on the residual; at least a few ulp) is not reached within
/// the iterations that α promises.
Inverted invert(const Support& support,
                const Tensor& step_size,
                const Tensor& y,
                double tolerance = 1e-13);

}  // namespace ergon::stein
