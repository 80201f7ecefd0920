#pragma once

#include <cstdint>

/// The sums over pairs of particles behind (2), (3), (5) and (6) of docs/maths/stein_step.md for
/// many small sets, and their derivatives: plain arrays, float or double. The vector lanes are the
/// sets, so that each unordered pair is taken once, by its difference (nothing cancels), and no
/// lane waits for a row that a small set does not have. Written once (src/stein/lanes) and compiled
/// for three instruction sets.
///
/// Finite input gives finite or infinite sums, where κ underflows exactly nothing: coordinates are
/// cut at ±1.7e38 (float) or ±8.9e307 (double), β at 1e30 or 1e250, ‖d‖² at 1e37 or 1e300, and what
/// may be infinite is not multiplied by a κ that is 0. NaN can come only of opposite infinities,
/// where products of coordinates, scores or gradients overflow between particles that see each
/// other.
namespace ergon::stein {

/// The particles, one set a lane. d = x_i - x_j, κ = exp(-β‖d‖²/2), g_ij = s_j + β d.
template <class Real>
struct SmallSetsInput {
  const Real* points;  // (sets, count, dim)  x
  const Real* score;   // (sets, count, dim)  s
  const Real* beta;    // (sets)              1/σ²
  const Real* scale;   // (sets)              c: 1/count gives the operators as they are documented
  std::int64_t sets;
  std::int64_t count;
  std::int64_t dim;
};

/// What to compute; null: not wanted. Sums are over j ≠ i.
template <class Real>
struct SmallSetsForward {
  Real* velocity;       // (sets, count, dim)       c (s_i + Σ_j κ g_ij)
  Real* kernel;         // (sets, count)            c Σ_j κ
  Real* trace;          // (sets, count)            c Σ_j κ [βD - β g_ijᵀd]
  const Real* hessian;  // (sets, count, dim, dim)  H, or null: 0
  Real* frobenius;      // (sets, count)            c² ‖H_i + Σ_j κ [βI - β g_ij dᵀ]‖_F²
  std::int64_t probes;  // P
  const Real* vectors;  // (P, sets, count, dim)    v
  Real* products;       // (P, sets, count, dim)    c Σ_j κ [βv_i - β g_ij dᵀv_i]
};

/// Gradients by the outputs above (scale included), null: 0; and what they give, all wanted.
template <class Real>
struct SmallSetsBackward {
  const Real* velocity_grad;  // (sets, count, dim)
  const Real* trace_grad;     // (sets, count)
  const Real* kernel_grad;    // (sets, count)
  Real* points_grad;          // (sets, count, dim)
  Real* score_grad;           // (sets, count, dim)
  Real* beta_grad;            // (sets)
};

/// The functions for one element type. They take the sets begin..end, write only theirs, and ranges
/// may run at the same time; a range is fastest when it begins at a multiple of the lanes.
template <class Real>
struct SmallSets {
  std::int64_t lanes;
  void (*forward)(const SmallSetsInput<Real>&,
                  const SmallSetsForward<Real>&,
                  std::int64_t begin,
                  std::int64_t end);
  void (*backward)(const SmallSetsInput<Real>&,
                   const SmallSetsBackward<Real>&,
                   std::int64_t begin,
                   std::int64_t end);
};

/// Of this machine.
template <class Real>
const SmallSets<Real>& small_sets();

/// For vectors of 64, 32 or 16 bytes; null where this machine has none.
template <class Real>
const SmallSets<Real>* small_sets_of(int vector_bytes);

/// Whether these functions beat the tiled pass over one set after the other (particle_pass.hpp),
/// measured for velocity and trace with AVX-512, float and double. Lanes without a set are lost, so
/// that what they win grows with the sets up to the lanes; the tiled pass wins by its products of
/// panels, the more so the more rows fill its tiles (from 64 particles on at full lanes) and the
/// longer the rows are: beyond 8 coordinates a particle's rows leave the registers here (from 24
/// on). Beyond 2048 numbers a set, a tile leaves the second-level cache. The gradients would bear a
/// third more.
constexpr bool small_sets_pay(std::int64_t lanes,
                              std::int64_t sets,
                              std::int64_t count,
                              std::int64_t dim) {
  const std::int64_t filled = sets < lanes ? sets : lanes;
  return sets >= 4 && count * dim <= 2048 && 2 * count <= (dim <= 8 ? 8 : 3) * filled;
}

}  // namespace ergon::stein
