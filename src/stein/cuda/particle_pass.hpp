#pragma once

#include <cstdint>

struct CUstream_st;

/// The sums over pairs of particles behind (2), (3), (6) and (7) of docs/maths/stein_step.md on a
/// GPU, and the derivatives of the first two: device arrays, float or double, S sets of M particles
/// in D dimensions. d = x_i - x_j, κ = exp(-β‖d‖²/2), all sums over j ≠ i. A block of threads takes
/// a tile of rows against tiles of columns; nothing of the size M² exists. Differences are formed
/// directly, so that float holds its digits wherever the particles are. The order of every addition
/// is fixed.
namespace ergon::stein::cuda {

using Stream = CUstream_st*;

/// Few rows leave a GPU idle: the columns are cut into `splits` parts, each written to a slab of
/// its own, which the caller adds up. Particles that are not alive take no part, whatever they
/// hold; their own results are zero.
template <class Real>
struct ParticleSets {
  const Real* points;  // (S, M, D)
  const Real* score;   // (S, M, D)
  const Real* beta;    // (S)  β = 1/σ² of the kernel
  const Real* scale;   // (S)  c
  const bool* alive;   // (S, M); null: all
  std::int64_t sets;
  std::int64_t count;
  std::int64_t dim;
  std::int64_t splits;
};

template <class Real>
struct VelocityArrays {
  ParticleSets<Real> particles;
  Real* velocity;  // (splits, S, M, D)  c [s_i + Σ κ (s_j + βd)], s_i in the first slab
  Real* kernel;    // (splits, S, M)     c Σ κ
  Real* trace;     // (splits, S, M)     c Σ κ [βD - β (s_j + βd)ᵀd]
};

template <class Real>
struct ProductArrays {
  ParticleSets<Real> particles;
  std::int64_t probes;  // P
  const Real* vectors;  // (P, S, M, D)  v
  Real* products;  // (splits, P, S, M, D)  c Σ κ [βv - β (s_j + βd) dᵀv], or its transpose:
                   //                       c Σ κ [βv - β d (s_j + βd)ᵀv]
};

/// Given the gradients of a function of velocity, trace and kernel sums, times c.
template <class Real>
struct GradientArrays {
  ParticleSets<Real> particles;
  const Real* velocity_grad;  // (S, M, D)
  const Real* trace_grad;     // (S, M); null: zero
  const Real* kernel_grad;    // (S, M); null: zero
  Real* points_grad;          // (splits, S, M, D)
  Real* score_grad;           // (splits, S, M, D)
  Real* beta_grad;            // (splits, S, M)  to be added up over slabs and particles
};

/// Rows, and columns, that a block of threads takes at a time.
template <class Real>
inline constexpr int kTile = sizeof(Real) == 4 ? 64 : 32;

/// More dimensions a launch refuses.
inline constexpr std::int64_t kMostDimensions = 1 << 24;

inline std::int64_t tile_count(std::int64_t particles, int tile) {
  return (particles + tile - 1) / tile;
}

/// How many slabs of columns for `sets` sets (times probes), so that `blocks` blocks of threads
/// have work where M allows it.
template <class Real>
std::int64_t column_splits(std::int64_t sets, std::int64_t count, std::int64_t blocks) {
  const std::int64_t tiles = tile_count(count, kTile<Real>);
  const std::int64_t wanted = blocks / (sets * tiles);
  if (wanted <= 1) return 1;
  const std::int64_t each = wanted >= tiles ? 1 : (tiles + wanted - 1) / wanted;
  return (tiles + each - 1) / each;
}

/// Queue the work on a stream and return; S, M and D must be positive. Null when that worked, or
/// what the driver says.
template <class Real>
const char* launch_velocity(const VelocityArrays<Real>& arrays, Stream stream);
template <class Real>
const char* launch_products(const ProductArrays<Real>& arrays, Stream stream);
template <class Real>
const char* launch_transposed_products(const ProductArrays<Real>& arrays, Stream stream);
template <class Real>
const char* launch_gradients(const GradientArrays<Real>& arrays, Stream stream);

}  // namespace ergon::stein::cuda
