#pragma once

#include "ergon/core/tensor.hpp"
#include "ergon/stein/support.hpp"

/// The operators composed of tensor operations, with matrices (..., M, M): for tensors that the
/// fused passes don't serve (other devices), for derivatives of every order, for the joint map, and
/// the oracle of the tests. Equation numbers refer to docs/maths/stein_step.md; an undefined
/// Hessian (product) leaves the Hessian term out.
namespace ergon::stein::composed {

/// The RBF kernel over sets of particles and the sums over it that the operators share.
struct KernelMatrix {
  Tensor points;  ///< (..., M, D)  particles, less their set's mean (every operator is invariant to
                  ///< it)
  Tensor score;   ///< (..., M, D)
  Tensor beta;    ///< (..., 1, 1)  1/σ²
  Tensor squared_distance;  ///< (..., M, M)  ‖x_i - x_j‖², zero on the diagonal
  Tensor kernel;            ///< (..., M, M)  κ_ij; zero in the columns of dropped particles
  Tensor row_sum;           ///< (..., M, 1)  Σ_j κ_ij
  Tensor off_row_sum;       ///< (..., M, 1)  Σ_{j≠i} κ_ij
  Tensor count;             ///< (..., 1, 1)  number of particles that are not dropped
};

/// Particles (..., M, D) less the mean of their set's live ones; dropped ones at the origin.
Tensor centred(const Tensor& particles, const Tensor& alive);

/// ‖x_i - x_j‖², (..., M, D) -> (..., M, M), zero on the diagonal.
Tensor squared_distances(const Tensor& points);

KernelMatrix kernel_matrix(const Support& support);

/// (2), (..., M, D), and the sum of (3) over j ≠ i, (..., M), not divided by M.
struct VelocityAndTrace {
  Tensor velocity;
  Tensor drift_trace_sum;
};
VelocityAndTrace velocity_and_trace(const KernelMatrix& kernel);

/// (5), (..., M, D, D).
Tensor velocity_jacobian(const KernelMatrix& kernel, const Tensor& hessian = {});
/// (6) and (7) for vectors (..., M, D), or (P, ..., M, D).
Tensor jacobian_vector_product(const KernelMatrix& kernel,
                               const Tensor& vectors,
                               const Tensor& hessian_product = {});
Tensor transposed_jacobian_vector_product(const KernelMatrix& kernel,
                                          const Tensor& vectors,
                                          const Tensor& hessian_product = {});

}  // namespace ergon::stein::composed
