// Needs arithmetic.hpp: the product of a panel with a tile of lanes, powers of two, packing.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// 2^t for kLowest <= t <= 0, to 1.5 ulp: 2^f by a minimax polynomial on |f| <= 1/2 (relative error
// 3e-9 in float, 2e-17 in double) times 2^k. Exactly zero at kLowest; between it and the smallest
// normal number some denormal, which flushing makes zero.
template <class Real>
struct PowerOfTwo;
template <>
struct PowerOfTwo<float> {
  static constexpr int kTerms = 6;
  static constexpr float kLowest = -127.0f;
  static constexpr float kCoefficients[] = {1.0f,
                                            0.6931472149680278995f,
                                            0.2402265278288773743f,
                                            0.055503105510137971734f,
                                            0.0096176929729930623181f,
                                            0.0013406643902351759246f,
                                            0.00015594678161326619324f};
};
template <>
struct PowerOfTwo<double> {
  static constexpr int kTerms = 11;
  static constexpr double kLowest = -1023.0;
  static constexpr double kCoefficients[] = {1.0,
                                             0.69314718055994569675,
                                             0.24022650695910098007,
                                             0.055504108664790394552,
                                             0.0096181291076070023796,
                                             0.0013333558153439964747,
                                             0.0001540353044157213033,
                                             0.000015252727385193868197,
                                             1.3215442675329822143e-6,
                                             1.0180647659234138888e-7,
                                             7.0725704128144235096e-9,
                                             4.078071929588336665e-10};
};
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> power_of_two(VectorOf<Real> t) {
  using P = PowerOfTwo<Real>;
  using L = Lanes<Real>;
  using Vector = VectorOf<Real>;
  using Bits = typename L::Bits;
  // Adding 1.5 · 2^mantissa rounds to an integer and leaves it in the low bits.
  constexpr Real kShift = Real(3ull << (L::kMantissaBits - 1));
  const Vector shifted = t + kShift;
  const Vector f = t - (shifted - kShift);
  Vector sum = Vector{} + P::kCoefficients[P::kTerms];
  ERGON_UNROLL
  for (int term = P::kTerms - 1; term >= 0; --term) sum = sum * f + P::kCoefficients[term];
  return (Vector)((Bits)sum + ((Bits)shifted << L::kMantissaBits));
}

constexpr double kLogTwo = 0.693147180559945309417;

// Rows of a register block: a panel holds its left factor as [k][kGroup].
constexpr std::int64_t kGroup = ERGON_VECTOR_BYTES == 64 ? 8 : 4;
// Rows of a pass are taken in tiles of up to kTileVectors vectors, columns in blocks.
constexpr int kTileVectors = 3;

// Columns of a block, a multiple of kGroup: their weights stay in L1, or in L2 where the sums of a
// tile fill it and should be passed over less often.
inline std::int64_t block_columns(std::int64_t dim) { return dim <= 256 ? 64 : 256; }

inline std::int64_t groups(std::int64_t n) { return (n + kGroup - 1) / kGroup; }

// out[r][v] (+)= Σ_k panel[k][r] right[k][v], r < kRows.
template <class Real, int kVectors, int kRows, bool kAdd>
ERGON_ISA ERGON_INLINE void panel_block(const Real* panel,
                                        const VectorOf<Real>* right,
                                        std::int64_t inner,
                                        VectorOf<Real>* out) {
  using Vector = VectorOf<Real>;
  Vector sum[kRows][kVectors] = {};
  for (std::int64_t k = 0; k < inner; ++k) {
    Vector factor[kVectors];
    if (kRows == kGroup) __builtin_prefetch(panel + (k + 128) * kGroup);
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) factor[v] = right[k * kVectors + v];
    ERGON_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const Real left = panel[k * kGroup + r];
      ERGON_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = sum[r][v] + factor[v] * left;
    }
  }
  ERGON_UNROLL
  for (int r = 0; r < kRows; ++r) {
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      Vector& to = out[r * kVectors + v];
      to = kAdd ? to + sum[r][v] : sum[r][v];
    }
  }
}

// The same for the last rows of a panel, fewer than kGroup.
template <class Real, int kVectors, bool kAdd>
ERGON_ISA void panel_rest(const Real* panel,
                          const VectorOf<Real>* right,
                          std::int64_t inner,
                          std::int64_t rows,
                          VectorOf<Real>* out) {
  if (rows >= 4 && kGroup > 4) {
    panel_block<Real, kVectors, 4, kAdd>(panel, right, inner, out);
    panel += 4, rows -= 4, out += 4 * kVectors;
  }
  if (rows == 3) panel_block<Real, kVectors, 3, kAdd>(panel, right, inner, out);
  if (rows == 2) panel_block<Real, kVectors, 2, kAdd>(panel, right, inner, out);
  if (rows == 1) panel_block<Real, kVectors, 1, kAdd>(panel, right, inner, out);
}

// A left factor of `rows` rows, packed as panels [group][k][kGroup] that are `stride` numbers
// apart.
template <class Real>
struct Panels {
  const Real* data;
  std::int64_t stride;
  std::int64_t rows;
};

// out[r][v] (+)= Σ_k left[r][k] right[k][v] for all rows of the panels.
template <class Real, int kVectors, bool kAdd>
ERGON_ISA void panel_product(Panels<Real> left,
                             const VectorOf<Real>* right,
                             std::int64_t inner,
                             VectorOf<Real>* out) {
  std::int64_t row = 0;
  for (; row + kGroup <= left.rows; row += kGroup, left.data += left.stride)
    panel_block<Real, kVectors, kGroup, kAdd>(left.data, right, inner, out + row * kVectors);
  if (row < left.rows)
    panel_rest<Real, kVectors, kAdd>(left.data, right, inner, left.rows - row,
                                     out + row * kVectors);
}

// Rows (count, dim) as panels of row groups, [group][k][kGroup], `stride` numbers apart; missing
// rows are zero.
template <class Real>
ERGON_ISA void pack_rows(
    const Real* rows, std::int64_t count, std::int64_t dim, std::int64_t stride, Real* out) {
  for (std::int64_t first = 0; first < count; first += kGroup) {
    const std::int64_t there = count - first < kGroup ? count - first : kGroup;
    const Real* row = rows + first * dim;
    for (std::int64_t k = 0; k < dim; ++k) {
      for (std::int64_t r = 0; r < there; ++r) out[k * kGroup + r] = row[r * dim + k];
      for (std::int64_t r = there; r < kGroup; ++r) out[k * kGroup + r] = Real(0);
    }
    out += stride;
  }
}

// Rows (count, dim) as panels of column groups, [block of block_columns() rows][group of
// columns][row][kGroup]; missing columns are zero.
template <class Real>
ERGON_ISA void pack_columns(const Real* rows, std::int64_t count, std::int64_t dim, Real* out) {
  const std::int64_t full = block_columns(dim);
  for (std::int64_t block = 0; block < count; block += full) {
    const std::int64_t size = count - block < full ? count - block : full;
    for (std::int64_t first = 0; first < dim; first += kGroup) {
      const std::int64_t width = dim - first < kGroup ? dim - first : kGroup;
      for (std::int64_t j = 0; j < size; ++j) {
        const Real* row = rows + (block + j) * dim + first;
        for (std::int64_t k = 0; k < kGroup; ++k) *out++ = k < width ? row[k] : Real(0);
      }
    }
  }
}

// Numbers side by side in a row, at any address.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> load(const Real* from) {
  VectorOf<Real> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
template <class Real>
ERGON_ISA ERGON_INLINE void store(VectorOf<Real> v, Real* to) {
  __builtin_memcpy(to, &v, sizeof v);
}
template <class Real>
ERGON_ISA ERGON_INLINE Real sum_of(VectorOf<Real> v) {
  Real sum = 0;
  ERGON_UNROLL
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane) sum += v[lane];
  return sum;
}

// Rows and lanes are exchanged so many numbers of a row at a time, which stay in the cache.
constexpr std::int64_t kTransposed = 16;

// A tile of rows as lanes, [k][kVectors]; lanes beyond `count` are zero.
template <class Real, int kVectors>
ERGON_ISA void gather_tile(const Real* rows,
                           std::int64_t count,
                           std::int64_t dim,
                           VectorOf<Real>* tile) {
  constexpr std::int64_t kLanes = kVectors * Lanes<Real>::kCount;
  Real* out = reinterpret_cast<Real*>(tile);
  for (std::int64_t first = 0; first < dim; first += kTransposed) {
    const std::int64_t last = first + kTransposed < dim ? first + kTransposed : dim;
    for (std::int64_t lane = 0; lane < count; ++lane)
      for (std::int64_t k = first; k < last; ++k) out[k * kLanes + lane] = rows[lane * dim + k];
    for (std::int64_t lane = count; lane < kLanes; ++lane)
      for (std::int64_t k = first; k < last; ++k) out[k * kLanes + lane] = Real(0);
  }
}

// to[lane][k] = or += tile[k][lane].
template <class Real, int kVectors, bool kAdd>
ERGON_ISA void scatter_lanes(const VectorOf<Real>* tile,
                             std::int64_t count,
                             std::int64_t dim,
                             Real* to) {
  constexpr std::int64_t kLanes = kVectors * Lanes<Real>::kCount;
  const Real* in = reinterpret_cast<const Real*>(tile);
  for (std::int64_t first = 0; first < dim; first += kTransposed) {
    const std::int64_t last = first + kTransposed < dim ? first + kTransposed : dim;
    for (std::int64_t lane = 0; lane < count; ++lane) {
      for (std::int64_t k = first; k < last; ++k) {
        Real& number = to[lane * dim + k];
        number = kAdd ? number + in[k * kLanes + lane] : in[k * kLanes + lane];
      }
    }
  }
}

// x - centre, (count, dim), in `room` where there is a centre.
template <class Real>
ERGON_ISA const Real* centred_rows(
    const Real* rows, const Real* centre, std::int64_t count, std::int64_t dim, Real* room) {
  if (centre == nullptr) return rows;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t k = 0; k < dim; ++k) room[i * dim + k] = rows[i * dim + k] - centre[k];
  return room;
}

// The same for the first `count` lanes of a tile.
template <class Real, int kVectors>
ERGON_ISA void centre_tile(const Real* centre,
                           std::int64_t count,
                           std::int64_t dim,
                           VectorOf<Real>* tile) {
  constexpr std::int64_t kLanes = kVectors * Lanes<Real>::kCount;
  Real* rows = reinterpret_cast<Real*>(tile);
  for (std::int64_t k = 0; centre != nullptr && k < dim; ++k)
    for (std::int64_t lane = 0; lane < count; ++lane) rows[k * kLanes + lane] -= centre[k];
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
