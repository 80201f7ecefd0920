#pragma once

#include "ergon/stein/kernel.hpp"

namespace ergon::stein {

/// φ_i = (1/M) Σ_j [ κ_ij s_j + ∇_{x_j} κ_ij ] = (1/M) [ K S + β (diag(K1) X - K X) ]_i,  (..., M,
/// D).                      (2) score: (..., M, D).
Tensor velocity(const KernelMatrix& kernel, const Tensor& score);

struct VelocityAndTrace {
  Tensor velocity;         ///< (..., M, D)  φ
  Tensor drift_trace_sum;  ///< (..., M)     the sum in (3), not divided by M
};

/// The velocity and the trace of its Jacobian without the Hessian term, from one matrix product:
///   tr A_i = (1/M) { tr H_i + Σ_{j≠i} κ_ij [ -β s_jᵀd_ij + βD - β² r²_ij ] },  d_ij = x_i - x_j.
///   (3)
VelocityAndTrace velocity_and_trace(const KernelMatrix& kernel, const Tensor& score);

/// mean_i [ φ_iᵀ s_i + tr A_i ] over the live particles, (...): zero in expectation when the
/// particles follow p (Stein's identity). (4) trace: (..., M); alive as in kernel_matrix.
Tensor stein_residual(const Tensor& velocity,
                      const Tensor& score,
                      const Tensor& trace,
                      const Tensor& alive = {});

}  // namespace ergon::stein
