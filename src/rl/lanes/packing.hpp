// Part of lanes/all.hpp: the right factor of a product as strips of columns, [strip][k][width], so
// that a tile reads it in order. A strip that begins at column c starts at number inner · c.
namespace ergon::passes::ERGON_LANES_NAMESPACE {
namespace {

// A tile of the output: rows × vectors of sums in registers.
constexpr int kTileRows = ERGON_VECTOR_BYTES == 64 ? 8 : 4;
constexpr int kTileVectors = ERGON_VECTOR_BYTES == 16 ? 2 : 3;

// Vectors of the next strip where so many numbers are left: 2 + 2 rather than 3 + 1.
template <class Real>
ERGON_INLINE int strip_vectors(std::int64_t columns) {
  const std::int64_t left = (columns + Lanes<Real>::kCount - 1) / Lanes<Real>::kCount;
  if (kTileVectors == 3 && left == 4) return 2;
  return static_cast<int>(left < kTileVectors ? left : kTileVectors);
}

template <class Real>
std::int64_t packed_numbers(std::int64_t inner, std::int64_t columns) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  return (columns + kLanes - 1) / kLanes * kLanes * inner;
}

template <class Real>
ERGON_ISA void pack_straight(const RightFactor<Real>& f,
                             std::int64_t column,
                             std::int64_t width,
                             Real* out) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  const std::int64_t there = f.columns - column < width ? f.columns - column : width;
  const std::int64_t whole = there / kLanes * kLanes;
  for (std::int64_t k = 0; k < f.inner; ++k, out += width) {
    const Real* row = f.data + k * f.stride + column;
    for (std::int64_t j = 0; j < whole; j += kLanes) store<Real>(load(row + j), out + j);
    if (whole < there) store<Real>(load_part(row + whole, there - whole), out + whole);
  }
}

template <class Real>
ERGON_ISA void pack_transposed(const RightFactor<Real>& f,
                               std::int64_t column,
                               std::int64_t width,
                               Real* out) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  const std::int64_t there = f.columns - column < width ? f.columns - column : width;
  for (std::int64_t j = 0; j < width; j += kLanes) {
    for (std::int64_t k = 0; k < f.inner; k += kLanes) {
      VectorOf<Real> square[kLanes];
      const std::int64_t deep = f.inner - k < kLanes ? f.inner - k : kLanes;
      for (std::int64_t r = 0; r < kLanes; ++r) {
        square[r] = VectorOf<Real>{};
        if (j + r >= there) continue;
        const Real* row = f.data + (column + j + r) * f.stride + k;
        square[r] = deep == kLanes ? load(row) : load_part(row, deep);
      }
      transpose<Real>(square);
      for (std::int64_t r = 0; r < deep; ++r) store<Real>(square[r], out + (k + r) * width + j);
    }
  }
}

template <class Real>
ERGON_ISA void pack(const RightFactor<Real>& f, Real* packed) {
  for (std::int64_t column = 0; column < f.columns;) {
    const std::int64_t width = strip_vectors<Real>(f.columns - column) * Lanes<Real>::kCount;
    Real* out = packed + f.inner * column;
    if (f.transposed)
      pack_transposed(f, column, width, out);
    else
      pack_straight(f, column, width, out);
    column += width;
  }
}

}  // namespace
}  // namespace ergon::passes::ERGON_LANES_NAMESPACE
