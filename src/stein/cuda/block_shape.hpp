#pragma once

#include "pair_terms.hpp"

/// What a block of threads holds, and how the arrays come into it.
namespace ergon::stein::cuda {

inline constexpr int kThreads = 256;
inline constexpr int kLanes = 16;  // threads (16, 16) share a tile of pairs

constexpr int larger(int a, int b) { return a < b ? b : a; }

/// Sizes of a block's work. kWidth: the dimensions that are added to at a time.
template <class Terms, int kWidth>
struct BlockShape {
  using Real = typename Terms::Real;
  static constexpr int kSide = kTile<Real>;                  // rows, columns of a tile
  static constexpr int kPer = kSide / kLanes;                // of a thread
  static constexpr int kStride = kSide + 16 / sizeof(Real);  // spreads dimensions over the banks
  static constexpr int kPairArrays = Terms::kPairRows + Terms::kPairColumns;
  static constexpr int kDepth = kPairArrays > 3 ? 8 : 16;  // dimensions staged for inner products
  static constexpr int kStage = 16;                        // columns staged for the additions
  static constexpr int kDimThreads = kWidth < kLanes ? kWidth : kLanes;
  static constexpr int kDimPer = kWidth / kDimThreads;
  static constexpr int kRowPer = kSide * kDimThreads / kThreads;
  static constexpr int kPairStage = kPairArrays * kDepth * kStride;
  static constexpr int kColumnStage = Terms::kColumns * kStage * kWidth;
  static constexpr int kSumStage = Terms::kRowSums * kLanes * kSide;
  static constexpr int kStaged = larger(larger(kPairStage, kColumnStage), kSumStage);
};

/// A tile's particles: where they begin, which take part, and their scalars.
template <class Terms>
struct TileParticles {
  using Real = typename Terms::Real;
  Real scalars[larger(Terms::kScalars, 1)][kTile<Real>];
  bool live[kTile<Real>];
};

template <class Terms, int kWidth>
struct BlockShared {
  using Shape = BlockShape<Terms, kWidth>;
  using Real = typename Terms::Real;
  alignas(16) Real weights[Terms::kWeights][Shape::kSide * Shape::kStride];
  alignas(16) Real staged[Shape::kStaged];
  TileParticles<Terms> row, column;
};

/// A thread's part: its pairs, its sums of rows, its part of the outputs and the points of its
/// rows.
template <class Terms, int kWidth>
struct BlockOwn {
  using Shape = BlockShape<Terms, kWidth>;
  using Real = typename Terms::Real;
  Real pairs[Shape::kPer][Shape::kPer][Terms::kPair];
  Real row_sums[Shape::kPer][Terms::kRowSums];
  Real sums[Shape::kRowPer][Shape::kDimPer][Terms::kOutputs];
  Real points[Shape::kRowPer][Shape::kDimPer];
};

/// Coordinates so large that their difference would overflow are cut: no κ of theirs differs from
/// zero, and 0 · ∞ must not come up. Infinities and NaN stay.
template <class Real>
ERGON_DEVICE Real bounded(Real x) {
  using std::copysign;
  using std::fabs;
  constexpr Real kBound = sizeof(Real) == 4 ? Real(1.5e38) : Real(8e307);
  constexpr Real kLargest = sizeof(Real) == 4 ? Real(3.402823466e38) : Real(1.7976931348623157e308);
  const Real size = fabs(x);
  return size > kBound && size <= kLargest ? copysign(kBound, x) : x;
}

/// Particles first.. of a set.
template <class Terms>
struct TileSide {
  const TileParticles<Terms>& particles;
  std::int64_t first;
};

/// Where a part of a tile begins: its particle in the tile, and its dimension.
struct TileCorner {
  int at, from;
};

/// A set's arrays as a block reads them: particles that take no part are zero, whatever they hold.
template <class Terms, int kWidth>
struct BlockSource {
  using Shape = BlockShape<Terms, kWidth>;
  using Real = typename Terms::Real;
  static constexpr int kSide = Shape::kSide;

  const Terms& terms;
  const bool* alive;  // (M) of the set; null: all
  std::int64_t count;
  int dim;

  /// Which particles the tile that begins with `first` holds, and their scalars.
  ERGON_DEVICE void begin_tile(int t, std::int64_t first, TileParticles<Terms>& tile) const {
    if (t >= kSide) return;
    const std::int64_t at = first + t;
    const bool live = at < count && (!alive || alive[at]);
    tile.live[t] = live;
    ERGON_DEVICE_UNROLL
    for (int a = 0; a < Terms::kScalars; ++a)
      tile.scalars[a][t] = live && terms.scalars[a] ? terms.scalars[a][at] : Real(0);
  }

  /// Dimension k of particle `at` of a tile, from array a of `arrays`; array 0 holds the points.
  ERGON_DEVICE Real
  number(const Real* const* arrays, int a, TileSide<Terms> side, int at, int k) const {
    const bool there = side.particles.live[at] && k < dim;
    const Real x = there ? arrays[a][(side.first + at) * dim + k] : Real(0);
    return a == 0 ? bounded(x) : x;
  }

  /// store(array, i, k, number) for the first kArrays arrays, kMany particles from corner.at on and
  /// kWide dimensions from corner.from on: all loads before the first use.
  template <int kArrays, int kMany, int kWide, class Store>
  ERGON_DEVICE void stage(int t,
                          const Real* const* arrays,
                          TileSide<Terms> side,
                          TileCorner corner,
                          Store store) const {
    constexpr int kStep = kThreads / kWide, kCount = kMany < kStep ? 1 : kMany / kStep;
    const int k = t % kWide, i = t / kWide;
    if (i >= kMany) return;
    const bool within = corner.from + k < dim;
    const std::int64_t offset = (side.first + corner.at + i) * dim + corner.from + k;
    Real loaded[kCount][kArrays];
    ERGON_DEVICE_UNROLL
    for (int n = 0; n < kCount; ++n) {
      const bool there = within && side.particles.live[corner.at + i + n * kStep];
      ERGON_DEVICE_UNROLL
      for (int a = 0; a < kArrays; ++a)
        loaded[n][a] = there ? arrays[a][offset + n * (kStep * dim)] : Real(0);
    }
    ERGON_DEVICE_UNROLL
    for (int n = 0; n < kCount; ++n) {
      ERGON_DEVICE_UNROLL
      for (int a = 0; a < kArrays; ++a)
        store(a, i + n * kStep, k, a == 0 ? bounded(loaded[n][a]) : loaded[n][a]);
    }
  }

  /// to[array][k][particle]: dimensions from.. of a whole tile.
  template <int kArrays>
  ERGON_DEVICE void stage_dimensions(
      int t, const Real* const* arrays, TileSide<Terms> side, int from, Real* to) const {
    stage<kArrays, kSide, Shape::kDepth>(t, arrays, side, {0, from},
                                         [&](int a, int at, int k, Real x) {
                                           to[(a * Shape::kDepth + k) * Shape::kStride + at] = x;
                                         });
  }

  /// to[array][column][k]: dimensions corner.from.. of kStage columns.
  ERGON_DEVICE void stage_columns(int t, TileSide<Terms> side, TileCorner corner, Real* to) const {
    stage<Terms::kColumns, Shape::kStage, kWidth>(
        t, terms.columns, side, corner, [&](int a, int column, int k, Real x) {
          to[(a * Shape::kStage + column) * kWidth + k] = x;
        });
  }
};

}  // namespace ergon::stein::cuda
