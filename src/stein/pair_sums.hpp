#pragma once

#include <cstdint>

/// The sums over support points behind the Stein step with a fixed support, (20)-(27) of
/// docs/maths/stein_flow.md: plain arrays, float or double, one set of support points. Points x are
/// the vector lanes, so that every difference d = x - x_j is formed directly and all else is dense
/// small matrices. Written once (src/stein/lanes) and compiled for three instruction sets.
namespace ergon::stein {

template <class Real>
struct PairSupport {
  const Real* points;  // (count, dim)
  const Real* score;   // (count, dim)
  std::int64_t count;
  std::int64_t dim;
  Real beta;
};

/// What to compute at points x (rows, dim). Null: not wanted.
template <class Real>
struct PairForward {
  const Real* x;
  std::int64_t rows;
  Real step;
  Real* field;     // (rows, dim)
  Real* jacobian;  // (rows, dim, dim)  (21); dense only
  Real* log_det;   // (rows)            log|det(I + step ∇φ)|
  Real* inverse;   // (rows, k, k)      of I + step ∇φ (k = dim), or of (25)'s S (k = count)
};

/// Gradients of L given φ̄ (rows, dim) and Ā (27), where Ā is scale · matrix, or
/// step · scale · matrixᵀ (of_log_det: the matrix is PairForward::inverse, the scale is the
/// gradient of log_det). Null matrix: Ā = 0. Null scale: 1.
template <class Real>
struct PairBackward {
  const Real* x;
  std::int64_t rows;
  Real step;
  const Real* field_grad;
  const Real* matrix;
  const Real* scale;
  bool of_log_det;
  Real* x_grad;       // (rows, dim)
  Real* points_grad;  // (count, dim)
  Real* score_grad;   // (count, dim)
  Real beta_grad;
  Real step_grad;
};

/// The functions for one element type and the best instruction set of this machine. Forward takes
/// rows begin..end; the low-rank ones are for count < dim.
template <class Real>
struct PairSums {
  void (*forward)(const PairSupport<Real>&,
                  const PairForward<Real>&,
                  std::int64_t begin,
                  std::int64_t end);
  void (*forward_low_rank)(const PairSupport<Real>&,
                           const PairForward<Real>&,
                           std::int64_t begin,
                           std::int64_t end);
  void (*backward)(const PairSupport<Real>&, PairBackward<Real>&);
  void (*backward_low_rank)(const PairSupport<Real>&, PairBackward<Real>&);
};

/// Of this machine.
template <class Real>
const PairSums<Real>& pair_sums();

}  // namespace ergon::stein
