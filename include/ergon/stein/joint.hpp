#pragma once

#include <cstdint>

#include "ergon/stein/jacobian.hpp"

/// The map of all M particles at once, X → X + ε φ(X) on R^{MD}, and its Jacobian J. Its diagonal
/// blocks are A_i (5); off the diagonal
///   ∂φ_i/∂x_k = (1/M) [ κ_ik H_k + β κ_ik s_k d_ikᵀ - β κ_ik I + β² κ_ik d_ik d_ikᵀ ]. (10)
namespace ergon::stein {

/// J, (..., M·D, M·D), particle-major. hessian: (..., M, D, D) of the target, which (10) cannot do
/// without. Memory O(M² D²).
Tensor joint_jacobian(const Support& particles, const Tensor& hessian);

/// log |det(I + ε J)| by LU, (...). step_size: (...). (11)
LogDeterminant joint_log_determinant(const Tensor& joint_jacobian, const Tensor& step_size);

/// J v for vectors (..., M, D), with H the target's Hessians. Work O(M² D). (12)
Tensor joint_jacobian_vector_product(const Support& particles,
                                     const Tensor& hessian,
                                     const Tensor& vectors);

/// A truncated power series and its last term, which tells whether it converged; both (...).
struct SeriesDeterminant {
  Tensor log_det;
  Tensor last_term;
};

/// log det(I + ε J) ≈ Σ_{k=1..terms} (-1)^{k+1} ε^k tr(J^k)/k with tr(J^k) ≈ vᵀ J^k v averaged over
/// the probes; converges for ε ‖J‖ < 1, truncation error below (ε‖J‖)^{terms+1} MD/(terms+1) / (1 -
/// ε‖J‖).                                                       (13) probes: (P, ..., M, D), unit
/// covariance. Returns (...).
SeriesDeterminant joint_log_determinant_series(const Support& particles,
                                               const Tensor& hessian,
                                               const Tensor& step_size,
                                               const Tensor& probes,
                                               std::int64_t terms);

}  // namespace ergon::stein
