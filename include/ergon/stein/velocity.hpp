#pragma once

#include "ergon/core/tensor.hpp"
#include "ergon/stein/support.hpp"

/// Stein operators as pure functions on tensors. Particles are (..., M, D); (...) are independent
/// sets. On the CPU one fused pass over tiles computes what is asked for, in memory O(M D); its
/// first derivatives (in points, scores, bandwidth and vectors) are passes like it. With
/// create_graph, so that they can be differentiated again, they are composed of tensor operations
/// with matrices (..., M, M). float32 velocities agree with float64 to 1e-5 of
/// (1/M) Σ_j κ_ij (‖s_j‖ + 1/σ), traces and products to 1e-5 of that over σ, for any finite points
/// within 1e18 of their mean and bandwidths from 1e-9 to 1e9 (float64: 1e150, 1e-75 to 1e75). The
/// rows of dropped particles are zero. All throw InvalidInput for shapes, types (float32 or
/// float64) and masks that do not fit together. Equation numbers refer to docs/maths/stein_step.md.
namespace ergon::stein {

/// φ_i = (1/M) Σ_j [ κ_ij s_j + ∇_{x_j} κ_ij ] = (1/M) [ K S + β (diag(K1) X - K X) ]_i,  (..., M,
/// D).                      (2)
Tensor velocity(const Support& particles);

struct VelocityAndTrace {
  Tensor velocity;         ///< (..., M, D)  φ
  Tensor drift_trace_sum;  ///< (..., M)     the sum in (3), not divided by M
};

/// The velocity and the trace of its Jacobian without the Hessian term, in one pass:
///   tr A_i = (1/M) { tr H_i + Σ_{j≠i} κ_ij [ -β s_jᵀd_ij + βD - β² r²_ij ] },  d_ij = x_i - x_j.
///   (3)
VelocityAndTrace velocity_and_trace(const Support& particles);

struct VelocityTraceAndProducts {
  Tensor velocity;         ///< (..., M, D)
  Tensor drift_trace_sum;  ///< (..., M)
  Tensor products;         ///< like the vectors: A_i v_i (6) without the Hessian term
};

/// And Jacobian products for probes, in the same pass. vectors: (..., M, D) or (P, ..., M, D).
VelocityTraceAndProducts velocity_trace_and_products(const Support& particles,
                                                     const Tensor& vectors);

/// Σ_j κ_ij, the particle itself included (κ_ii = 1), (..., M): M √(2π σ²)^D times the kernel
/// density estimate at x_i.
Tensor kernel_sums(const Support& particles);

/// mean_i [ φ_iᵀ s_i + tr A_i ] over the live particles, (...): zero in expectation when the
/// particles follow p (Stein's identity). (4) trace: (..., M); alive (..., M) or undefined.
Tensor stein_residual(const Tensor& velocity,
                      const Tensor& score,
                      const Tensor& trace,
                      const Tensor& alive = {});

}  // namespace ergon::stein
