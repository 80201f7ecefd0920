#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"
#include "ergon/stein/support.hpp"

/// The tensor side of the passes over particles: checks, sets, masks, derivatives and the choice of
/// the pass (many small sets, tiles, CUDA, composed). Equation numbers refer to
/// docs/maths/stein_step.md.
namespace ergon::stein {

/// Particles with the leading dimensions flattened to one: (S, ...).
struct ParticleInputs {
  Tensor points;     ///< (S, M, D)
  Tensor score;      ///< (S, M, D)
  Tensor bandwidth;  ///< (S)
  Tensor alive;      ///< (S, M) or undefined
  Tensor vectors;    ///< (P, S, M, D) or undefined
};

/// Checks shapes, types and masks (InvalidInput names `what`) and flattens. vectors: (..., M, D),
/// (P, ..., M, D) or undefined.
ParticleInputs particle_inputs(const Support& support, const Tensor& vectors, const char* what);

/// The same for products, which need vectors.
ParticleInputs product_inputs(const Support& support, const Tensor& vectors, const char* what);

/// What a pass is asked for besides the velocity.
struct Wanted {
  bool kernel = false;
  bool trace = false;
  bool products = false;
};

/// The velocity and the products are divided by the number of live particles, kernel and trace are
/// not; all zero in the rows of dropped ones, and undefined where not wanted. Differentiable in
/// points, score, bandwidth and vectors, to every order (beyond the first through the composed
/// form).
struct ParticleSums {
  Tensor velocity;  ///< (S, M, D)     (2)
  Tensor kernel;    ///< (S, M)        Σ_{j≠i} κ
  Tensor trace;     ///< (S, M)        (3) without the Hessian
  Tensor products;  ///< (P, S, M, D)  (6) without the Hessian
};
ParticleSums particle_sums(const ParticleInputs& inputs, Wanted wanted);

/// (7) without the Hessian, divided by the number of live particles, (P, S, M, D).
Tensor transposed_products(const ParticleInputs& inputs);

/// Number of live particles of each set, (S), in the type of the points.
Tensor live_count(const ParticleInputs& inputs);

/// Whether a graph is being recorded through any of the inputs.
bool records_graph(const ParticleInputs& inputs);

}  // namespace ergon::stein
