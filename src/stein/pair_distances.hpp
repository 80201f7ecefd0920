#pragma once

#include <cstdint>
#include <vector>

#include "ergon/core/tensor.hpp"

/// The median distance of a set's pairs, (14) of docs/maths/stein_step.md, by selection: of all
/// pairs up to kExactMedianParticles, else of a fixed subset of them.
namespace ergon::stein {

/// Which pairs of `count` particles are taken: with the particles in the order `order` (empty: as
/// they are), each with those 1 .. whole_offsets places on, cyclically; the first `last_rows` of
/// them also with those one place further. All pairs, each once, up to kExactMedianParticles.
struct PairChoice {
  std::int64_t count = 0;
  std::int64_t whole_offsets = 0;
  std::int64_t last_rows = 0;
  std::vector<std::int64_t> order;

  std::int64_t pairs() const { return count * whole_offsets + last_rows; }
  /// Where the median of all count² ordered pairs is among the sorted distances of the chosen ones,
  /// from 0; -1: it is one of the zeros of the diagonal (count <= 2).
  std::int64_t median_rank() const;
};
PairChoice choose_pairs(std::int64_t count);

/// Some coordinates of the particles of one set, for all chosen pairs; see PairChoice.
template <class Real>
struct PairBlock {
  const Real* points;   // (dim, stride): column i is particle i, or i - count beyond the last
  std::int64_t stride;  // >= count + offsets + a vector
  std::int64_t dim;
  std::int64_t count;
  std::int64_t whole_offsets;
  std::int64_t last_rows;
  Real* squared;  // (pairs)  += Σ_k (x_k,i - x_k,i+o)², at (o - 1) count + i
};

/// For the instruction set of this machine.
template <class Real>
struct PairKernels {
  void (*add_distances)(const PairBlock<Real>& block);
  /// The value at a rank, from 0, of values >= 0, which it overwrites; there is room for
  /// kPairPadding more of them.
  Real (*select)(Real* values, std::int64_t count, std::int64_t rank);
  /// max |v|; infinity or NaN if any is not finite.
  Real (*largest_modulus)(const Real* values, std::int64_t count);
};
inline constexpr std::int64_t kPairPadding = 16;  // numbers in the longest vector
template <class Real>
const PairKernels<Real>& pair_kernels();

/// The median distance (not squared) of every set. particles (S, M, D), alive (S, M) bool or
/// undefined; returns (S) float64. NaN for a set that is empty or not finite.
Tensor median_distance(const Tensor& particles, const Tensor& alive);

/// The same from the same pairs by libtorch's operations, for other devices and element types.
Tensor median_distance_composed(const Tensor& particles, const Tensor& alive);

}  // namespace ergon::stein
