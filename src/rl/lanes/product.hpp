// Part of lanes/all.hpp: products of matrices, a tile of sums in registers at a time.
namespace ergon::passes::ERGON_LANES_NAMESPACE {
namespace {

template <class Real, int kRows, int kVectors>
struct Tile {
  VectorOf<Real> sum[kRows][kVectors];
};

template <class Real, int kRows, int kVectors, bool kTransposed>
ERGON_ISA ERGON_INLINE void add_up(const Product<Real>& p,
                                   const Real* left,
                                   const Real* right,
                                   Tile<Real, kRows, kVectors>& t) {
  using Vector = VectorOf<Real>;
  const std::int64_t inner = p.inner, stride = p.left_stride;
  Vector sum[kRows][kVectors] = {};
  for (std::int64_t k = 0; k < inner; ++k, right += kVectors * Lanes<Real>::kCount) {
    Vector factor[kVectors];
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) factor[v] = load(right + v * Lanes<Real>::kCount);
    ERGON_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const Real scale = kTransposed ? left[k * stride + r] : left[r * stride + k];
      ERGON_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = sum[r][v] + factor[v] * scale;
    }
  }
  ERGON_UNROLL
  for (int r = 0; r < kRows; ++r) {
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) t.sum[r][v] = sum[r][v];
  }
}

template <class Real, int kRows, int kVectors, Finish kFinish>
ERGON_ISA ERGON_INLINE void write(const Product<Real>& p,
                                  std::int64_t row,
                                  std::int64_t column,
                                  const Tile<Real, kRows, kVectors>& t) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  constexpr bool kOther = kFinish != Finish::kSet && kFinish != Finish::kAdd;
  ERGON_UNROLL
  for (int r = 0; r < kRows; ++r) {
    Real* out = p.out + (row + r) * p.out_stride + column;
    const Real* other = kOther ? p.other + (row + r) * p.other_stride + column : nullptr;
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const VectorOf<Real> y = kOther ? load(other + v * kLanes) : VectorOf<Real>{};
      const VectorOf<Real> old =
          kFinish == Finish::kAdd ? load(out + v * kLanes) : VectorOf<Real>{};
      store<Real>(finished<Real>(kFinish, t.sum[r][v], y, old), out + v * kLanes);
    }
  }
}

// The same where the last vector is not whole.
template <class Real, int kRows, int kVectors>
ERGON_ISA void write_part(const Product<Real>& p,
                          std::int64_t row,
                          std::int64_t column,
                          const Tile<Real, kRows, kVectors>& t) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      const std::int64_t at = column + v * kLanes, there = p.columns - at;
      Real* out = p.out + (row + r) * p.out_stride + at;
      VectorOf<Real> y = {};
      if (p.other != nullptr) y = load_part(p.other + (row + r) * p.other_stride + at, there);
      const VectorOf<Real> old = load_part(out, p.finish == Finish::kAdd ? there : 0);
      store_part<Real>(finished<Real>(p.finish, t.sum[r][v], y, old), there, out);
    }
  }
}

template <class Real, int kRows, int kVectors, bool kTransposed>
ERGON_ISA void multiply_tile(const Product<Real>& p, std::int64_t row, std::int64_t column) {
  Tile<Real, kRows, kVectors> t;
  add_up<Real, kRows, kVectors, kTransposed>(p, p.left + (kTransposed ? row : row * p.left_stride),
                                             p.right + p.inner * column, t);
  if (column + kVectors * Lanes<Real>::kCount > p.columns)
    return write_part<Real, kRows, kVectors>(p, row, column, t);
  switch (p.finish) {
    case Finish::kSet:
      return write<Real, kRows, kVectors, Finish::kSet>(p, row, column, t);
    case Finish::kAdd:
      return write<Real, kRows, kVectors, Finish::kAdd>(p, row, column, t);
    case Finish::kBias:
      return write<Real, kRows, kVectors, Finish::kBias>(p, row, column, t);
    case Finish::kBiasRelu:
      return write<Real, kRows, kVectors, Finish::kBiasRelu>(p, row, column, t);
    case Finish::kSlopeRelu:
      return write<Real, kRows, kVectors, Finish::kSlopeRelu>(p, row, column, t);
    case Finish::kSlopeTanh:
      return write<Real, kRows, kVectors, Finish::kSlopeTanh>(p, row, column, t);
    case Finish::kSlopeElu:
      return write<Real, kRows, kVectors, Finish::kSlopeElu>(p, row, column, t);
  }
}

template <class Real, int kVectors, bool kTransposed>
ERGON_ISA void multiply_strip(const Product<Real>& p, std::int64_t column) {
  std::int64_t row = 0;
  for (; row + kTileRows <= p.rows; row += kTileRows)
    multiply_tile<Real, kTileRows, kVectors, kTransposed>(p, row, column);
  if (row + 4 <= p.rows) multiply_tile<Real, 4, kVectors, kTransposed>(p, row, column), row += 4;
  if (row + 2 <= p.rows) multiply_tile<Real, 2, kVectors, kTransposed>(p, row, column), row += 2;
  if (row < p.rows) multiply_tile<Real, 1, kVectors, kTransposed>(p, row, column);
}

template <class Real, bool kTransposed>
ERGON_ISA void multiply_all(const Product<Real>& p) {
  for (std::int64_t column = 0; column < p.columns;) {
    const int vectors = strip_vectors<Real>(p.columns - column);
    if (vectors == 1) multiply_strip<Real, 1, kTransposed>(p, column);
    if (vectors == 2) multiply_strip<Real, 2, kTransposed>(p, column);
    if (vectors == 3) multiply_strip<Real, kTileVectors, kTransposed>(p, column);
    column += vectors * Lanes<Real>::kCount;
  }
}

template <class Real>
ERGON_ISA void multiply(const Product<Real>& p) {
  if (p.left_transposed)
    multiply_all<Real, true>(p);
  else
    multiply_all<Real, false>(p);
}

}  // namespace
}  // namespace ergon::passes::ERGON_LANES_NAMESPACE
