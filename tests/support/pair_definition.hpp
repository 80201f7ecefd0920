#pragma once

#include "ergon/core/tensor.hpp"

namespace ergon::testing {

/// Sets of particles for the sums over pairs: points, score (S, M, D), beta, scale (S), alive (S,
/// M) or undefined, vectors (P, S, M, D).
struct PairCase {
  Tensor points, score, beta, scale, alive, vectors;
};

/// Random numbers; float64.
PairCase random_pairs(std::int64_t sets, std::int64_t count, std::int64_t dim, std::uint64_t seed);

/// The same numbers with every floating tensor of another type or on another device.
PairCase converted(const PairCase& pairs, const at::TensorOptions& options);

/// What the sums are by their definition, c Σ_{j≠i}, term by term from an array of all differences:
/// float64 on the CPU, differentiable in points, score and beta. Zero for dropped particles.
struct PairDefinition {
  Tensor velocity;    ///< (S, M, D)     c [s_i + Σ κ (s_j + βd)]
  Tensor kernel;      ///< (S, M)        c Σ κ
  Tensor trace;       ///< (S, M)        c Σ κ [βD - β (s_j + βd)ᵀd]
  Tensor products;    ///< (P, S, M, D)  c Σ κ [βv - β (s_j + βd) dᵀv]
  Tensor transposed;  ///< (P, S, M, D)  c Σ κ [βv - β d (s_j + βd)ᵀv]
};
PairDefinition pair_definition(const PairCase& pairs);

/// Gradients of ⟨velocity, F̄⟩ + ⟨trace, T̄⟩ + ⟨kernel, K̄⟩ by automatic differentiation of the
/// definition; an undefined T̄ or K̄ is zero.
struct PairGradients {
  Tensor points, score, beta;
};
PairGradients pair_gradients(const PairCase& pairs,
                             const Tensor& velocity_grad,
                             const Tensor& trace_grad,
                             const Tensor& kernel_grad);

}  // namespace ergon::testing
