// The body of pair_distances.cpp, for each instruction set: see machines.hpp. Squared distances of
// pairs of particles, and the selection of one of them.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

template <class Real>
struct PairLanes;
template <>
struct PairLanes<double> {
  typedef double Vector __attribute__((vector_size(ERGON_VECTOR_BYTES)));
  typedef double Loose __attribute__((vector_size(ERGON_VECTOR_BYTES), aligned(8), may_alias));
  typedef long long Count;
  typedef long long Counts __attribute__((vector_size(ERGON_VECTOR_BYTES)));
  typedef unsigned long long Key __attribute__((may_alias));
  static constexpr std::int64_t kCount = ERGON_VECTOR_BYTES / 8;
};
template <>
struct PairLanes<float> {
  typedef float Vector __attribute__((vector_size(ERGON_VECTOR_BYTES)));
  typedef float Loose __attribute__((vector_size(ERGON_VECTOR_BYTES), aligned(4), may_alias));
  typedef int Count;
  typedef int Counts __attribute__((vector_size(ERGON_VECTOR_BYTES)));
  typedef unsigned int Key __attribute__((may_alias));
  static constexpr std::int64_t kCount = ERGON_VECTOR_BYTES / 4;
};

template <class Real>
ERGON_ISA ERGON_INLINE typename PairLanes<Real>::Vector load(const Real* from) {
  return *reinterpret_cast<const typename PairLanes<Real>::Loose*>(from);
}

// Adds to r² of particles i, i + 1, … (a vector of them) with those `offset` + 0 .. kOffsets - 1
// places on; only the first `rows` particles are pairs of their own.
template <class Real, int kOffsets>
ERGON_ISA ERGON_INLINE void add_tile(const PairBlock<Real>& b,
                                     std::int64_t i,
                                     std::int64_t offset,
                                     std::int64_t rows) {
  using L = PairLanes<Real>;
  typename L::Vector sum[kOffsets] = {};
  const Real* x = b.points + i;
  for (std::int64_t k = 0; k < b.dim; ++k, x += b.stride) {
    const typename L::Vector here = load(x);
    ERGON_UNROLL
    for (int o = 0; o < kOffsets; ++o) {
      const typename L::Vector difference = here - load(x + offset + o);
      sum[o] += difference * difference;
    }
  }
  Real* out = b.squared + (offset - 1) * b.count + i;
  ERGON_UNROLL
  for (int o = 0; o < kOffsets; ++o, out += b.count) {
    if (i + L::kCount <= rows) {
      *reinterpret_cast<typename L::Loose*>(out) = load(out) + sum[o];
    } else {
      for (std::int64_t lane = 0; i + lane < rows; ++lane) out[lane] += sum[o][lane];
    }
  }
}

template <class Real>
ERGON_ISA void add_distances(const PairBlock<Real>& b) {
  constexpr int kOffsets = 8;
  for (std::int64_t i = 0; i < b.count; i += PairLanes<Real>::kCount) {
    std::int64_t offset = 1;
    for (; offset + kOffsets <= b.whole_offsets + 1; offset += kOffsets)
      add_tile<Real, kOffsets>(b, i, offset, b.count);
    for (; offset <= b.whole_offsets; ++offset) add_tile<Real, 1>(b, i, offset, b.count);
    if (i < b.last_rows) add_tile<Real, 1>(b, i, offset, b.last_rows);
  }
}

// Few values: the smallest that is not below more than `rank` of them.
template <class Real>
ERGON_ISA Real select_by_counting(Real* values, std::int64_t count, std::int64_t rank) {
  using L = PairLanes<Real>;
  for (std::int64_t k = 0; k < L::kCount; ++k) values[count + k] = Real(__builtin_inf());
  const auto last = typename L::Counts{} + static_cast<typename L::Count>(rank);
  typename L::Vector best = typename L::Vector{} + Real(__builtin_inf());
  for (std::int64_t i = 0; i < count; i += L::kCount) {
    const typename L::Vector value = load(values + i);
    typename L::Counts not_above = {};
    for (std::int64_t k = 0; k < count; ++k) {
      const typename L::Vector other = typename L::Vector{} + values[k];
      not_above -= (typename L::Counts)(value >= other);  // true is -1
    }
    const typename L::Vector least = value < best ? value : best;
    best = not_above > last ? least : best;
  }
  Real least = best[0];
  for (std::int64_t lane = 1; lane < L::kCount; ++lane)
    least = best[lane] < least ? best[lane] : least;
  return least;
}

constexpr int kBinBits = 10;
constexpr std::int64_t kCountedValues = 96;

// The bits of some numbers, all >= 0: ordered as the numbers are. Bin: (key - least) >> shift.
template <class Real>
struct Keys {
  using Key = typename PairLanes<Real>::Key;
  Key* data;
  std::int64_t count;
  Key least;
  int shift;
};

// Sets the least key and the shift that spreads the keys over 2^kBinBits bins; false: all equal.
template <class Real>
ERGON_ISA bool spread(Keys<Real>& keys) {
  using Key = typename PairLanes<Real>::Key;
  Key least = keys.data[0], largest = keys.data[0];
  for (std::int64_t j = 0; j < keys.count; ++j) {
    least = keys.data[j] < least ? keys.data[j] : least;
    largest = keys.data[j] > largest ? keys.data[j] : largest;
  }
  keys.least = least;
  keys.shift = 0;
  while (((largest - least) >> keys.shift) >> kBinBits != 0) ++keys.shift;
  return least != largest;
}

// The bin that holds the rank; rank becomes the rank within that bin.
template <class Real>
ERGON_ISA typename PairLanes<Real>::Key bin_of_rank(const Keys<Real>& keys, std::int64_t& rank) {
  constexpr int kTables = 4;  // so that equal neighbours do not wait for each other
  std::uint32_t bins[kTables][1 << kBinBits];
  __builtin_memset(bins, 0, sizeof bins);
  std::int64_t j = 0;
  for (; j + kTables <= keys.count; j += kTables) {
    ERGON_UNROLL
    for (int t = 0; t < kTables; ++t) ++bins[t][(keys.data[j + t] - keys.least) >> keys.shift];
  }
  for (; j < keys.count; ++j) ++bins[0][(keys.data[j] - keys.least) >> keys.shift];
  typename PairLanes<Real>::Key bin = 0;
  for (;; ++bin) {
    std::int64_t size = 0;
    for (int t = 0; t < kTables; ++t) size += bins[t][bin];
    if (rank < size) return bin;
    rank -= size;
  }
}

// Keeps the keys from `low` to `low + width`.
template <class Real>
ERGON_ISA void keep(Keys<Real>& keys,
                    typename PairLanes<Real>::Key low,
                    typename PairLanes<Real>::Key width) {
  std::int64_t kept = 0;
  for (std::int64_t j = 0; j < keys.count; ++j) {
    const typename PairLanes<Real>::Key key = keys.data[j];
    keys.data[kept] = key;
    kept += key - low <= width;
  }
  keys.count = kept;
}

// The value at a rank (from 0) of values >= 0, which it overwrites. Each pass keeps one bin and
// fixes kBinBits more leading bits: at most four passes for float, seven for double.
template <class Real>
ERGON_ISA Real select_by_bins(Real* values, std::int64_t count, std::int64_t rank) {
  using Key = typename PairLanes<Real>::Key;
  Keys<Real> keys{reinterpret_cast<Key*>(values), count, 0, 0};
  while (keys.count > kCountedValues) {
    if (!spread(keys)) return values[0];
    const Key bin = bin_of_rank(keys, rank);
    keep(keys, keys.least + (bin << keys.shift), (Key{1} << keys.shift) - 1);
  }
  return select_by_counting(values, keys.count, rank);
}

// Many values: first keeps those between two values of a sample, if the rank is among them, as it
// is but for rare bad luck (five standard deviations of a random sample's rank).
template <class Real>
ERGON_ISA Real select(Real* values, std::int64_t count, std::int64_t rank) {
  using Key = typename PairLanes<Real>::Key;
  constexpr std::int64_t kSample = 4096, kMargin = 160;
  if (count < 8 * kSample) return select_by_bins(values, count, rank);
  Real sample[kSample + PairLanes<Real>::kCount], bound[2];
  const auto size = static_cast<std::uint64_t>(count);
  const std::int64_t middle = static_cast<std::int64_t>(double(rank) / double(count) * kSample);
  for (int side = 0; side < 2; ++side) {
    for (std::uint32_t j = 0; j < kSample; ++j)  // multiples of the golden ratio: well spread
      sample[j] = values[(static_cast<std::uint64_t>(j * 0x9e3779b9u) * size) >> 32];
    const std::int64_t wanted = middle + (side == 0 ? -kMargin : kMargin);
    bound[side] = wanted < 0          ? Real(0)
                  : wanted >= kSample ? Real(__builtin_inf())
                                      : select_by_bins(sample, kSample, wanted);
  }
  Key low, high;
  __builtin_memcpy(&low, &bound[0], sizeof low);
  __builtin_memcpy(&high, &bound[1], sizeof high);
  Keys<Real> keys{reinterpret_cast<Key*>(values), count, 0, 0};
  Key below = 0, above = 0;
  for (std::int64_t j = 0; j < count; ++j) {
    below += keys.data[j] < low;
    above += keys.data[j] > high;
  }
  const auto before = static_cast<std::int64_t>(below);
  if (rank >= before && rank < count - static_cast<std::int64_t>(above)) {
    keep(keys, low, static_cast<Key>(high - low));
    rank -= before;
  }
  return select_by_bins(values, keys.count, rank);
}

// The bits of the largest modulus: those of a number that is not finite are above all others.
template <class Real>
ERGON_ISA Real largest_modulus(const Real* values, std::int64_t count) {
  using Key = typename PairLanes<Real>::Key;
  const Key* keys = reinterpret_cast<const Key*>(values);
  constexpr Key kModulus = ~(Key{1} << (8 * sizeof(Real) - 1));
  Key largest = 0;
  for (std::int64_t k = 0; k < count; ++k)
    largest = (keys[k] & kModulus) > largest ? (keys[k] & kModulus) : largest;
  Real modulus;
  __builtin_memcpy(&modulus, &largest, sizeof modulus);
  return modulus;
}

template <class Real>
const PairKernels<Real>& pair_kernels() {
  static const PairKernels<Real> table{add_distances<Real>, select<Real>, largest_modulus<Real>};
  return table;
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
