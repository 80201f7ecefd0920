// Part of lanes/all.hpp: small dense matrices, one per lane.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

constexpr int kBlockRows = ERGON_BLOCK_ROWS;
constexpr int kBlockCols = 4;

// Element (i, k) of a factor is data[i * row + k * inner].
template <class Real>
struct Factor {
  const VectorOf<Real>* data;
  std::int64_t row;
  std::int64_t inner;
};

// C(i, j) (+ or - or nothing before)= Σ_k X(i, k) Y(j, k).
template <class Real>
struct Product {
  Factor<Real> left;
  Factor<Real> right;
  VectorOf<Real>* out;  // C(i, j) = out[i * out_row + j]
  std::int64_t out_row;
  std::int64_t inner;
};
enum class Into { kSet, kAdd, kSubtract };

template <class Real, Into kInto, int kRows, int kCols>
ERGON_ISA ERGON_INLINE void multiply_block(const Product<Real>& p, std::int64_t i, std::int64_t j) {
  using Vector = VectorOf<Real>;
  Vector sum[kRows][kCols] = {};
  const Vector* x = p.left.data + i * p.left.row;
  const Vector* y = p.right.data + j * p.right.row;
  for (std::int64_t k = 0; k < p.inner; ++k) {
    Vector right[kCols];
    ERGON_UNROLL
    for (int c = 0; c < kCols; ++c) right[c] = y[c * p.right.row + k * p.right.inner];
    ERGON_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const Vector left = x[r * p.left.row + k * p.left.inner];
      ERGON_UNROLL
      for (int c = 0; c < kCols; ++c) sum[r][c] = sum[r][c] + left * right[c];
    }
  }
  ERGON_UNROLL
  for (int r = 0; r < kRows; ++r) {
    ERGON_UNROLL
    for (int c = 0; c < kCols; ++c) {
      Vector& out = p.out[(i + r) * p.out_row + j + c];
      if (kInto == Into::kSet) out = sum[r][c];
      if (kInto == Into::kAdd) out = out + sum[r][c];
      if (kInto == Into::kSubtract) out = out - sum[r][c];
    }
  }
}

template <class Real, Into kInto, int kRows>
ERGON_ISA ERGON_INLINE void multiply_rows(const Product<Real>& p,
                                          std::int64_t i,
                                          std::int64_t first_col,
                                          std::int64_t last_col) {
  std::int64_t j = first_col;
  for (; j + 4 <= last_col; j += 4) multiply_block<Real, kInto, kRows, 4>(p, i, j);
  if (last_col - j == 3) multiply_block<Real, kInto, kRows, 3>(p, i, j);
  if (last_col - j == 2) multiply_block<Real, kInto, kRows, 2>(p, i, j);
  if (last_col - j == 1) multiply_block<Real, kInto, kRows, 1>(p, i, j);
}

struct Range {
  std::int64_t first;
  std::int64_t last;
};

// The product for rows × cols of C.
template <class Real, Into kInto>
ERGON_ISA void multiply(const Product<Real>& p, Range rows, Range cols) {
  std::int64_t i = rows.first;
  for (; i + kBlockRows <= rows.last; i += kBlockRows)
    multiply_rows<Real, kInto, kBlockRows>(p, i, cols.first, cols.last);
  for (; i + 2 <= rows.last; i += 2) multiply_rows<Real, kInto, 2>(p, i, cols.first, cols.last);
  if (i < rows.last) multiply_rows<Real, kInto, 1>(p, i, cols.first, cols.last);
}

// In place: the inverse of a block of at most four rows by Gauss-Jordan elimination without pivots;
// returns the product of the pivots.
template <class Real>
ERGON_ISA VectorOf<Real> invert_block(VectorOf<Real>* block, std::int64_t size) {
  using Vector = VectorOf<Real>;
  Vector determinant = Vector{} + Real(1);
  for (std::int64_t k = 0; k < size; ++k) {
    Vector* pivot_row = block + k * size;
    determinant *= pivot_row[k];
    const Vector reciprocal = Real(1) / pivot_row[k];
    pivot_row[k] = Vector{} + Real(1);
    for (std::int64_t j = 0; j < size; ++j) pivot_row[j] *= reciprocal;
    for (std::int64_t i = 0; i < size; ++i) {
      if (i == k) continue;
      Vector* row = block + i * size;
      const Vector factor = row[k];
      row[k] = Vector{};
      for (std::int64_t j = 0; j < size; ++j) row[j] = row[j] - factor * pivot_row[j];
    }
  }
  return determinant;
}

// One block step of eliminate(): rows and columns outside the pivot block, in the ranges given.
template <class Real, bool kInverse>
ERGON_ISA void eliminate_block(VectorOf<Real>* a,
                               std::int64_t n,
                               Range pivot,
                               VectorOf<Real>* room) {
  using Vector = VectorOf<Real>;
  const std::int64_t size = pivot.last - pivot.first;
  Vector* inverse = room;         // (size, size), of the pivot block
  Vector* row_block = room + 16;  // (size, n)
  Vector* pivot_rows = a + pivot.first * n;
  for (std::int64_t i = 0; i < size; ++i)
    for (std::int64_t j = 0; j < n; ++j) row_block[i * n + j] = pivot_rows[i * n + j];
  const Range outside[2] = {{0, kInverse ? pivot.first : 0}, {pivot.last, n}};
  const Product<Real> scaled{{inverse, size, 1}, {row_block, 1, n}, pivot_rows, n, size};
  const Product<Real> update{{a + pivot.first, n, 1}, {pivot_rows, 1, n}, a, n, size};
  for (const Range& cols : outside) {
    multiply<Real, Into::kSet>(scaled, {0, size}, cols);
    for (const Range& rows : outside) multiply<Real, Into::kSubtract>(update, rows, cols);
  }
  if (!kInverse) return;
  for (std::int64_t i = 0; i < n; ++i) {
    Vector* row = a + i * n + pivot.first;
    if (i >= pivot.first && i < pivot.last) {
      for (std::int64_t j = 0; j < size; ++j) row[j] = inverse[(i - pivot.first) * size + j];
      continue;
    }
    Vector old[4];
    for (std::int64_t k = 0; k < size; ++k) old[k] = row[k];
    for (std::int64_t j = 0; j < size; ++j) {
      Vector sum = old[0] * inverse[j];
      for (std::int64_t k = 1; k < size; ++k) sum = sum + old[k] * inverse[k * size + j];
      row[j] = -sum;
    }
  }
}

// log|det| of n × n matrices by elimination in blocks of four without pivots, and in place their
// inverses (kInverse), or else rubbish. room: 16 + 4 n vectors.
template <class Real, bool kInverse>
ERGON_ISA VectorOf<Real> eliminate(VectorOf<Real>* a, std::int64_t n, VectorOf<Real>* room) {
  using Vector = VectorOf<Real>;
  Vector log_det = {};
  for (std::int64_t first = 0; first < n; first += 4) {
    const std::int64_t size = first + 4 <= n ? 4 : n - first;
    for (std::int64_t i = 0; i < size; ++i)
      for (std::int64_t j = 0; j < size; ++j) room[i * size + j] = a[(first + i) * n + first + j];
    const Vector determinant = invert_block<Real>(room, size);
    for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane)
      log_det[lane] += Real(
          __builtin_log(double(determinant[lane] < 0 ? -determinant[lane] : determinant[lane])));
    eliminate_block<Real, kInverse>(a, n, {first, first + size}, room);
  }
  return log_det;
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
