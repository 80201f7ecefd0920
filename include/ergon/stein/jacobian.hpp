#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"
#include "ergon/stein/support.hpp"

/// The Jacobian of one particle's velocity in its own position, the other particles held fixed:
///   A_i = (1/M) { H_i + Σ_{j≠i} [ -β κ_ij s_j d_ijᵀ + β κ_ij I - β² κ_ij d_ij d_ijᵀ ] },  H_i = ∇²
///   log p̄(x_i).             (5)
/// Wherever a Hessian (or its product) is an argument, an undefined tensor leaves the Hessian term
/// out.
namespace ergon::stein {

/// A_i for all particles, (..., M, D, D). hessian: (..., M, D, D). Work O(M² D²), memory O(M D²).
Tensor velocity_jacobian(const Support& particles, const Tensor& hessian = {});

/// A_i v_i, of the shape of vectors and hessian_product H_i v_i: (..., M, D), or (P, ..., M, D) for
/// P vectors per particle. Work O(M² D).                                             (6)
Tensor jacobian_vector_product(const Support& particles,
                               const Tensor& vectors,
                               const Tensor& hessian_product = {});

/// A_iᵀ v_i, likewise (H is symmetric). (7)
Tensor transposed_jacobian_vector_product(const Support& particles,
                                          const Tensor& vectors,
                                          const Tensor& hessian_product = {});

/// ‖A_i‖_F², (..., M), exactly, by the cheapest of these forms: many small sets side by side, D × D
/// matrices over vector lanes (work M² D²), or the Gram matrices of (8a) (work M³, without a
/// Hessian). Memory O(M D) beyond the arguments. Where a graph is recorded, from explicit
/// Jacobians.
Tensor frobenius_squared(const Support& particles, const Tensor& hessian = {});

/// ‖A_i‖_F² of explicit Jacobians, (..., M).
Tensor frobenius_squared_of(const Tensor& jacobian);

/// σ_max(A_i) of explicit Jacobians, (..., M); infinite where the Jacobian is not finite. Not
/// differentiable.
Tensor spectral_norm(const Tensor& jacobian);

/// One probe's estimate of ‖A_i‖_F² = tr AᵀA + 2 tr AᵀB + tr BᵀB as published, with A the drift
/// part (exact) and B = H/M through g = H v:  2 tr AᵀB ≈ (2/M) vᵀ A g,  tr BᵀB ≈ ‖g‖²/M². Unbiased,
/// but can be negative; `drift` is tr AᵀA, the least that makes sense then.
/// (8) probe, hessian_product: (..., M, D).
struct PublishedNorm {
  Tensor squared;  ///< (..., M)
  Tensor drift;    ///< (..., M)
};
PublishedNorm frobenius_squared_published(const Support& particles,
                                          const Tensor& probe,
                                          const Tensor& hessian_product);

/// log |det(I + ε A_i)|, (..., M), and whether every determinant is positive, (..., M) bool.
/// step_size: (...).                (9)
struct LogDeterminant {
  Tensor log_abs_det;
  Tensor positive;
};
LogDeterminant block_log_determinant(const Tensor& jacobian, const Tensor& step_size);

}  // namespace ergon::stein
