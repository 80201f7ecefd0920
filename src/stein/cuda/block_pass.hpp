#pragma once

#include "block_thread.hpp"

namespace ergon::stein::cuda {

/// One block of threads of a pass: a tile of rows against the tiles of columns of one slab. Written
/// against `Threads`, which runs a body for every thread and then waits for all of them (`each`),
/// and whose `Own<T>` is a thread's registers: on the GPU the threads of the block, in the tests a
/// loop.
template <class Terms, int kWidth, class Threads>
class BlockPass {
 public:
  using Shape = BlockShape<Terms, kWidth>;
  using Real = typename Terms::Real;
  using Shared = BlockShared<Terms, kWidth>;
  static constexpr int kSide = Shape::kSide;

  ERGON_DEVICE BlockPass(const ParticleSets<Real>& particles,
                         const Terms& terms,
                         const bool* alive,
                         Shared& shared,
                         Threads& threads)
      : terms_(terms),
        shared_(shared),
        threads_(threads),
        source_{terms, alive, particles.count, static_cast<int>(particles.dim)},
        thread_{terms, shared},
        count_(particles.count),
        dim_(source_.dim) {}

  /// Rows first_row.. against the columns of tiles first..last - 1.
  ERGON_DEVICE void run(std::int64_t first_row, std::int64_t first, std::int64_t last) {
    first_row_ = first_row;
    threads_.each([&](int t) {
      source_.begin_tile(t, first_row_, shared_.row);
      for (auto& sums : own_[t].row_sums)
        for (Real& sum : sums) sum = 0;
    });
    for (std::int64_t tile = first; tile < last; ++tile) {
      first_column_ = tile * kSide;
      inner_products();
      threads_.each([&](int t) { weigh(t, own_[t]); });
      for (int from = 0; from < dim_; from += kWidth) add_columns(from, tile == first);
    }
    finish();
  }

 private:
  using Own = BlockOwn<Terms, kWidth>;

  ERGON_DEVICE TileSide<Terms> rows() const { return {shared_.row, first_row_}; }
  ERGON_DEVICE TileSide<Terms> columns() const { return {shared_.column, first_column_}; }

  ERGON_DEVICE void inner_products() {
    threads_.each([&](int t) {
      source_.begin_tile(t, first_column_, shared_.column);
      for (auto& row : own_[t].pairs)
        for (auto& pair : row)
          for (Real& sum : pair) sum = 0;
    });
    for (int from = 0; from < dim_; from += Shape::kDepth) {
      threads_.each([&](int t) {
        constexpr int kRows = Terms::kPairRows;
        Real* columns = shared_.staged + kRows * Shape::kDepth * Shape::kStride;
        source_.template stage_dimensions<kRows>(t, terms_.rows, rows(), from, shared_.staged);
        source_.template stage_dimensions<Terms::kPairColumns>(t, terms_.columns, this->columns(),
                                                               from, columns);
      });
      const int depth = dim_ - from < Shape::kDepth ? dim_ - from : Shape::kDepth;
      threads_.each([&](int t) {
        for (int k = 0; k < depth; k += 2) {  // beyond dim_ zeros are staged
          thread_.add_dimension(t, k, own_[t]);
          thread_.add_dimension(t, k + 1, own_[t]);
        }
      });
    }
  }

  // Weights of the tile, weights[column][row], and the sums of its rows.
  ERGON_DEVICE void weigh(int t, Own& own) const {
    constexpr int kPer = Shape::kPer;
    ERGON_DEVICE_UNROLL
    for (int r = 0; r < kPer; ++r) {
      const int row = t / kLanes * kPer + r;
      Real of_row[Terms::kScalars + 1];
      thread_.scalars_of(shared_.row, row, of_row);
      Real sums[Terms::kRowSums] = {};
      ERGON_DEVICE_UNROLL
      for (int c = 0; c < kPer; ++c) {
        const int column = t % kLanes * kPer + c;
        Real of_column[Terms::kScalars + 1];
        thread_.scalars_of(shared_.column, column, of_column);
        const bool live = shared_.row.live[row] && shared_.column.live[column] &&
                          first_row_ + row != first_column_ + column;
        Real weight[Terms::kWeights] = {};
        if (live) terms_.weigh(own.pairs[r][c], {of_row, of_column}, weight, sums);
        ERGON_DEVICE_UNROLL
        for (int w = 0; w < Terms::kWeights; ++w)
          shared_.weights[w][column * Shape::kStride + row] = weight[w];
      }
      ERGON_DEVICE_UNROLL
      for (int s = 0; s < Terms::kRowSums; ++s) own.row_sums[r][s] += sums[s];
    }
  }

  // Dimensions from..from + kWidth - 1 of the outputs: the tile's weights times its columns.
  ERGON_DEVICE void add_columns(int from, bool first) {
    const std::int64_t left = count_ - first_column_;
    const int columns = static_cast<int>(left < kSide ? left : kSide);
    threads_.each([&](int t) { begin_sums(t, from, own_[t]); });
    for (int column = 0; column < columns; column += Shape::kStage) {
      threads_.each([&](int t) {
        source_.stage_columns(t, this->columns(), {column, from}, shared_.staged);
      });
      threads_.each([&](int t) {
        for (int c = 0; c < Shape::kStage; ++c) thread_.add_column(t, column, c, own_[t]);
      });
    }
    threads_.each([&](int t) { store_sums(t, from, first, own_[t]); });
  }

  ERGON_DEVICE void begin_sums(int t, int from, Own& own) const {
    ERGON_DEVICE_UNROLL
    for (int r = 0; r < Shape::kRowPer; ++r) {
      const int row = thread_.row_of(t, r);
      ERGON_DEVICE_UNROLL
      for (int k = 0; k < Shape::kDimPer; ++k) {
        own.points[r][k] = source_.number(terms_.rows, 0, rows(), row, from + thread_.dim_of(t, k));
        ERGON_DEVICE_UNROLL
        for (int o = 0; o < Terms::kOutputs; ++o) own.sums[r][k][o] = 0;
      }
    }
  }

  ERGON_DEVICE void store_sums(int t, int from, bool first, const Own& own) const {
    ERGON_DEVICE_UNROLL
    for (int r = 0; r < Shape::kRowPer; ++r) {
      const std::int64_t row = first_row_ + thread_.row_of(t, r);
      ERGON_DEVICE_UNROLL
      for (int k = 0; k < Shape::kDimPer; ++k) {
        const int at = from + thread_.dim_of(t, k);
        if (row >= count_ || at >= dim_) continue;
        ERGON_DEVICE_UNROLL
        for (int o = 0; o < Terms::kOutputs; ++o) {
          Real& sum = terms_.outputs[o][row * dim_ + at];
          sum = first ? own.sums[r][k][o] : sum + own.sums[r][k][o];
        }
      }
    }
  }

  // Adds up the rows' sums, and what a row adds alone.
  ERGON_DEVICE void finish() {
    threads_.each([&](int t) {
      for (int r = 0; r < Shape::kPer; ++r)
        for (int s = 0; s < Terms::kRowSums; ++s)
          shared_.staged[(s * kLanes + t % kLanes) * kSide + t / kLanes * Shape::kPer + r] =
              own_[t].row_sums[r][s];
    });
    threads_.each([&](int t) { finish_row_sums(t); });
    threads_.each([&](int t) {
      for (int e = t; e < kSide * dim_; e += kThreads) finish_number(e / dim_, e % dim_);
    });
  }

  // The total of every row, weights[0][sum][row]: the weights are no longer needed.
  ERGON_DEVICE void finish_row_sums(int t) const {
    if (t >= kSide) return;
    for (int s = 0; s < Terms::kRowSums; ++s) {
      Real total = 0;
      for (int lane = 0; lane < kLanes; ++lane)
        total += shared_.staged[(s * kLanes + lane) * kSide + t];
      shared_.weights[0][s * kSide + t] = total;
      if (terms_.row_outputs[s] && first_row_ + t < count_)
        terms_.row_outputs[s][first_row_ + t] =
            shared_.row.live[t] ? terms_.scale * total : Real(0);
    }
  }

  ERGON_DEVICE void finish_number(int row, int k) const {
    const std::int64_t at = first_row_ + row;
    if (at >= count_) return;
    Real values[Terms::kRows], sums[Terms::kRowSums], outputs[Terms::kOutputs];
    for (int a = 0; a < Terms::kRows; ++a)
      values[a] = source_.number(terms_.rows, a, rows(), row, k);
    for (int s = 0; s < Terms::kRowSums; ++s) sums[s] = shared_.weights[0][s * kSide + row];
    for (int o = 0; o < Terms::kOutputs; ++o) outputs[o] = terms_.outputs[o][at * dim_ + k];
    terms_.finish(values, sums, outputs);
    // The scale of a set without live particles may be 1/0.
    for (int o = 0; o < Terms::kOutputs; ++o)
      terms_.outputs[o][at * dim_ + k] = shared_.row.live[row] ? outputs[o] : Real(0);
  }

  const Terms& terms_;
  Shared& shared_;
  Threads& threads_;
  const BlockSource<Terms, kWidth> source_;
  const BlockThread<Terms, kWidth> thread_;
  const std::int64_t count_;
  const int dim_;
  std::int64_t first_row_ = 0, first_column_ = 0;
  typename Threads::template Own<Own> own_;
};

}  // namespace ergon::stein::cuda
