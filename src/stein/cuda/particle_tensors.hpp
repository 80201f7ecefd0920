#pragma once

#include "ergon/core/errors.hpp"
#include "ergon/core/tensor.hpp"

/// The sums of particle_pass.hpp on tensors of a CUDA device: velocity, kernel sums, trace,
/// Jacobian products and their derivatives, queued on the current stream of that device without
/// waiting for it. The pass has no graph: the caller's autograd function owns it.
namespace ergon::stein::cuda {

/// S sets of M particles in D dimensions, all float32 or all float64 on one CUDA device.
struct Particles {
  Tensor points;  ///< (S, M, D)
  Tensor score;   ///< (S, M, D)
  Tensor beta;    ///< (S)     1/σ² of the kernel
  Tensor scale;   ///< (S)     the factor c of all sums, 1/M for the velocity
  Tensor
      alive;  ///< (S, M)  bool, or undefined: all. Dropped particles take no part; theirs is zero.
};

/// c times the sums over j ≠ i; the velocity has s_i too.
struct ForwardResult {
  Tensor velocity;  ///< (S, M, D)  (2)
  Tensor kernel;    ///< (S, M)     Σ κ
  Tensor trace;     ///< (S, M)     (3), without the Hessian
};

/// Gradients of a function of ForwardResult. velocity (S, M, D), and trace and kernel (S, M) or
/// undefined: zero.
struct ForwardGradients {
  Tensor velocity;
  Tensor trace;
  Tensor kernel;
};

struct BackwardResult {
  Tensor points;  ///< (S, M, D)
  Tensor score;   ///< (S, M, D)
  Tensor beta;    ///< (S)
};

#ifdef ERGON_CUDA

/// Whether this build has the kernels and a CUDA device is there.
bool available();

/// Each throws InvalidInput for tensors of other shapes, types or devices than stated, and when the
/// device refuses the work.
ForwardResult forward(const Particles& particles);
BackwardResult backward(const Particles& particles, const ForwardGradients& gradients);

/// c times (6), and (7), without the Hessian: vectors (P, S, M, D) -> (P, S, M, D).
Tensor jacobian_products(const Particles& particles, const Tensor& vectors);
Tensor transposed_jacobian_products(const Particles& particles, const Tensor& vectors);

#else

inline bool available() { return false; }

namespace internal {
[[noreturn]] inline void absent() {
  fail("Ergon was built without CUDA; configure it with the preset 'cuda' (docs/guide/cuda.md)");
}
}  // namespace internal

inline ForwardResult forward(const Particles&) { internal::absent(); }
inline BackwardResult backward(const Particles&, const ForwardGradients&) { internal::absent(); }
inline Tensor jacobian_products(const Particles&, const Tensor&) { internal::absent(); }
inline Tensor transposed_jacobian_products(const Particles&, const Tensor&) { internal::absent(); }

#endif

}  // namespace ergon::stein::cuda
