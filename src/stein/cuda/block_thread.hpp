#pragma once

#include "block_shape.hpp"

namespace ergon::stein::cuda {

/// The inner loops of a thread: from the block's shared memory into its own registers.
template <class Terms, int kWidth>
struct BlockThread {
  using Shape = BlockShape<Terms, kWidth>;
  using Real = typename Terms::Real;
  using Own = BlockOwn<Terms, kWidth>;

  const Terms& terms;
  const BlockShared<Terms, kWidth>& shared;

  /// Row r and dimension k of a thread in its part of the outputs.
  ERGON_DEVICE static int row_of(int t, int r) {
    return t / Shape::kDimThreads * Shape::kRowPer + r;
  }
  ERGON_DEVICE static int dim_of(int t, int k) {
    return t % Shape::kDimThreads * Shape::kDimPer + k;
  }

  /// The scalars of a row and of a column of the tiles.
  ERGON_DEVICE void scalars_of(const TileParticles<Terms>& tile, int at, Real* scalars) const {
    ERGON_DEVICE_UNROLL
    for (int a = 0; a < Terms::kScalars; ++a) scalars[a] = tile.scalars[a][at];
  }

  /// Adds staged dimension k to the inner products of the pairs.
  ERGON_DEVICE void add_dimension(int t, int k, Own& own) const {
    constexpr int kPer = Shape::kPer;
    const int first_row = t / kLanes * kPer, first_column = t % kLanes * kPer;
    Real row[kPer][Terms::kPairRows], column[kPer][Terms::kPairColumns];
    const Real* from = shared.staged + k * Shape::kStride;
    ERGON_DEVICE_UNROLL
    for (int a = 0; a < Terms::kPairRows; ++a, from += Shape::kDepth * Shape::kStride) {
      ERGON_DEVICE_UNROLL
      for (int r = 0; r < kPer; ++r) row[r][a] = from[first_row + r];
    }
    ERGON_DEVICE_UNROLL
    for (int a = 0; a < Terms::kPairColumns; ++a, from += Shape::kDepth * Shape::kStride) {
      ERGON_DEVICE_UNROLL
      for (int c = 0; c < kPer; ++c) column[c][a] = from[first_column + c];
    }
    Real of_row[kPer][Terms::kScalars + 1], of_column[kPer][Terms::kScalars + 1];
    ERGON_DEVICE_UNROLL
    for (int r = 0; r < kPer; ++r) {
      scalars_of(shared.row, first_row + r, of_row[r]);
      scalars_of(shared.column, first_column + r, of_column[r]);
    }
    ERGON_DEVICE_UNROLL
    for (int r = 0; r < kPer; ++r) {
      ERGON_DEVICE_UNROLL
      for (int c = 0; c < kPer; ++c)
        terms.inner(row[r], column[c], {of_row[r], of_column[c]}, own.pairs[r][c]);
    }
  }

  /// Adds staged column c, which is column + c of the tile.
  ERGON_DEVICE void add_column(int t, int column, int c, Own& own) const {
    Real of_column[Terms::kScalars + 1];
    scalars_of(shared.column, column + c, of_column);
    Real values[Shape::kDimPer][Terms::kColumns];
    ERGON_DEVICE_UNROLL
    for (int a = 0; a < Terms::kColumns; ++a) {
      ERGON_DEVICE_UNROLL
      for (int k = 0; k < Shape::kDimPer; ++k)
        values[k][a] = shared.staged[(a * Shape::kStage + c) * kWidth + dim_of(t, k)];
    }
    ERGON_DEVICE_UNROLL
    for (int r = 0; r < Shape::kRowPer; ++r) {
      const int row = row_of(t, r);
      Real of_row[Terms::kScalars + 1], weight[Terms::kWeights];
      scalars_of(shared.row, row, of_row);
      ERGON_DEVICE_UNROLL
      for (int w = 0; w < Terms::kWeights; ++w)
        weight[w] = shared.weights[w][(column + c) * Shape::kStride + row];
      ERGON_DEVICE_UNROLL
      for (int k = 0; k < Shape::kDimPer; ++k)
        terms.add(weight, values[k], own.points[r][k] - values[k][0], {of_row, of_column},
                  own.sums[r][k]);
    }
  }
};

}  // namespace ergon::stein::cuda
