#pragma once

#include "ergon/core/tensor.hpp"

/// Stein operators as pure functions on tensors. Particles are (..., M, D); (...) are independent
/// sets. Every function is differentiable. Equation numbers refer to docs/maths/stein_step.md.
namespace ergon::stein {

/// The RBF kernel over sets of particles and the sums over it that the operators share.
///   κ_ij = exp(-‖x_i - x_j‖² / 2σ²),  β = 1/σ² (1)
struct KernelMatrix {
  Tensor points;  ///< (..., M, D)  particles, less their set's mean (every operator is invariant to
                  ///< it)
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

/// particles (..., M, D), bandwidth (...) > 0, alive (..., M) bool or undefined (none dropped).
KernelMatrix kernel_matrix(const Tensor& particles,
                           const Tensor& bandwidth,
                           const Tensor& alive = {});

}  // namespace ergon::stein
