#pragma once

#include "particle_function.hpp"

/// The passes over ParticleInputs on the CPU, without a graph: many small sets side by side
/// (small_sets.hpp), else a tiled pass over one set after the other (particle_pass.hpp). Sets, or
/// the tiles of one set, are shared among the worker threads.
namespace ergon::stein {

ParticleSums cpu_sums(const ParticleInputs& inputs, Wanted wanted);

/// Whether the sets are taken side by side.
bool cpu_side_by_side(const ParticleInputs& inputs);

/// ‖A_i‖_F² of sets that are, (S, M). hessian: (S, M, D, D), contiguous, or undefined.
Tensor cpu_frobenius(const ParticleInputs& inputs, const Tensor& hessian);

/// (7) as transposed_products.
Tensor cpu_transposed_products(const ParticleInputs& inputs);

/// Gradients by the outputs `upstream` (undefined: zero; velocity is wanted) of the sums `sums`, of
/// which trace and products are needed where they have a gradient.
struct ParticleGradients {
  Tensor points;     ///< (S, M, D)
  Tensor score;      ///< (S, M, D)
  Tensor bandwidth;  ///< (S)
  Tensor vectors;    ///< (P, S, M, D), or undefined
};
ParticleGradients cpu_gradients(const ParticleInputs& inputs,
                                const ParticleSums& sums,
                                const ParticleSums& upstream);

}  // namespace ergon::stein
