// Part of lanes/small_sets.hpp: sets into lanes and back.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

template <int... kIndex>
struct Indices {};
template <int kCount, int... kIndex>
struct IndicesTo : IndicesTo<kCount - 1, kCount - 1, kIndex...> {};
template <int... kIndex>
struct IndicesTo<0, kIndex...> {
  typedef Indices<kIndex...> Type;
};

// a_first, b_first, a_(first+1), b_(first+1), ...
template <class Real, int kFirst, int... kIndex>
ERGON_ISA ERGON_INLINE VectorOf<Real> interleave(VectorOf<Real> a,
                                                 VectorOf<Real> b,
                                                 Indices<kIndex...>) {
  constexpr int lanes = sizeof...(kIndex);
  return __builtin_shufflevector(a, b, (kFirst + kIndex / 2 + kIndex % 2 * lanes)...);
}

// A square of lanes × lanes numbers on its diagonal. Interleaving the rows r and r + lanes/2 turns
// the bits of (row, column) left by one, in log2(lanes) rounds by half their number.
template <class Real>
ERGON_ISA ERGON_INLINE void transpose(VectorOf<Real>* square) {
  constexpr int lanes = Lanes<Real>::kCount;
  using All = typename IndicesTo<lanes>::Type;
  ERGON_UNROLL
  for (int size = 1; size < lanes; size *= 2) {
    VectorOf<Real> turned[lanes];
    ERGON_UNROLL
    for (int r = 0; r < lanes / 2; ++r) {
      turned[2 * r] = interleave<Real, 0>(square[r], square[r + lanes / 2], All{});
      turned[2 * r + 1] = interleave<Real, lanes / 2>(square[r], square[r + lanes / 2], All{});
    }
    ERGON_UNROLL
    for (int r = 0; r < lanes; ++r) square[r] = turned[r];
  }
}

// The numbers of a set are `width` from data + set · stride on.
template <class Real>
struct SetRows {
  Real* data;
  std::int64_t stride;
  std::int64_t width;
};

// A vector from `row` on, of which the first `width` numbers count: reads nothing from `end` on.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> load_row(const Real* row,
                                               std::int64_t width,
                                               const Real* end) {
  VectorOf<Real> whole;
  if (__builtin_expect(row + Lanes<Real>::kCount <= end, 1)) {
    __builtin_memcpy(&whole, row, sizeof whole);
    return whole;
  }
  Real part[Lanes<Real>::kCount] = {};
  for (std::int64_t k = 0; k < width; ++k) part[k] = row[k];
  __builtin_memcpy(&whole, part, sizeof whole);
  return whole;
}

// The reverse; may write rubbish after the row, but nothing from `end` on.
template <class Real>
ERGON_ISA ERGON_INLINE void store_row(Real* row,
                                      VectorOf<Real> whole,
                                      std::int64_t width,
                                      Real* end) {
  if (__builtin_expect(row + Lanes<Real>::kCount <= end, 1)) {
    __builtin_memcpy(row, &whole, sizeof whole);
    return;
  }
  Real part[Lanes<Real>::kCount];
  __builtin_memcpy(part, &whole, sizeof whole);
  for (std::int64_t k = 0; k < width; ++k) row[k] = part[k];
}

// tile[k], lane l = number k of set min(begin + l, end - 1). kNarrow: rows shorter than a vector.
template <class Real, bool kNarrow>
ERGON_ISA void read_rows(VectorOf<Real>* tile,
                         SetRows<const Real> rows,
                         std::int64_t begin,
                         std::int64_t end) {
  constexpr std::int64_t lanes = Lanes<Real>::kCount;
  const Real* const readable = rows.data + (end - 1) * rows.stride + rows.width;
  const Real* row[lanes];
  for (std::int64_t lane = 0; lane < lanes; ++lane)
    row[lane] = rows.data + (begin + lane < end ? begin + lane : end - 1) * rows.stride;
  for (std::int64_t first = 0; first < rows.width; first += lanes) {
    // The last square overlaps the one before.
    if (!kNarrow && first + lanes > rows.width) first = rows.width - lanes;
    VectorOf<Real> square[lanes];
    ERGON_UNROLL
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      if (kNarrow)
        square[lane] = load_row(row[lane], rows.width, readable);
      else
        __builtin_memcpy(&square[lane], row[lane] + first, sizeof square[lane]);
    }
    transpose<Real>(square);
    ERGON_UNROLL
    for (std::int64_t k = 0; k < lanes; ++k)
      if (!kNarrow || k < rows.width) tile[first + k] = square[k];
  }
}
template <class Real>
ERGON_ISA void read_sets(VectorOf<Real>* tile,
                         SetRows<const Real> rows,
                         std::int64_t begin,
                         std::int64_t end) {
  return rows.width < Lanes<Real>::kCount ? read_rows<Real, true>(tile, rows, begin, end)
                                          : read_rows<Real, false>(tile, rows, begin, end);
}

// The reverse for the sets begin..min(begin + lanes, end); stride = width. In ascending order,
// where the rubbish after a row shorter than a vector is overwritten by the next row.
template <class Real, bool kNarrow>
ERGON_ISA void write_rows(const VectorOf<Real>* tile,
                          SetRows<Real> rows,
                          std::int64_t begin,
                          std::int64_t end) {
  constexpr std::int64_t lanes = Lanes<Real>::kCount;
  const std::int64_t count = end - begin < lanes ? end - begin : lanes;
  Real* const data = rows.data + begin * rows.width;
  Real* const writable = data + count * rows.width;
  for (std::int64_t first = 0; first < rows.width; first += lanes) {
    if (!kNarrow && first + lanes > rows.width) first = rows.width - lanes;
    VectorOf<Real> square[lanes];
    ERGON_UNROLL
    for (std::int64_t k = 0; k < lanes; ++k)
      square[k] = tile[!kNarrow || k < rows.width ? first + k : rows.width - 1];
    transpose<Real>(square);
    ERGON_UNROLL
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      Real* const row = data + lane * rows.width + first;
      if (lane >= count) continue;
      if (kNarrow)
        store_row<Real>(row, square[lane], rows.width, writable);
      else
        __builtin_memcpy(row, &square[lane], sizeof square[lane]);
    }
  }
}
template <class Real>
ERGON_ISA void write_sets(const VectorOf<Real>* tile,
                          SetRows<Real> rows,
                          std::int64_t begin,
                          std::int64_t end) {
  return rows.width < Lanes<Real>::kCount ? write_rows<Real, true>(tile, rows, begin, end)
                                          : write_rows<Real, false>(tile, rows, begin, end);
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
