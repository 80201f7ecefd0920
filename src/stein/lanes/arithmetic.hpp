// For every pass here: vectors of numbers, one lane a point, and their exponential.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

template <class Real>
struct Lanes;
template <>
struct Lanes<double> {
  typedef double Vector __attribute__((vector_size(ERGON_VECTOR_BYTES), may_alias));
  typedef unsigned long long Bits __attribute__((vector_size(ERGON_VECTOR_BYTES), may_alias));
  static constexpr std::int64_t kCount = ERGON_VECTOR_BYTES / 8;
  static constexpr int kMantissaBits = 52;
  static constexpr double kSmallestExponent = -708.0;
  static constexpr double kHuge = 1e300;
  static constexpr double kLogTwoHigh = 6.93147180369123816490e-01;
  static constexpr double kLogTwoLow = 1.90821492927058770002e-10;
};
template <>
struct Lanes<float> {
  typedef float Vector __attribute__((vector_size(ERGON_VECTOR_BYTES), may_alias));
  typedef unsigned int Bits __attribute__((vector_size(ERGON_VECTOR_BYTES), may_alias));
  static constexpr std::int64_t kCount = ERGON_VECTOR_BYTES / 4;
  static constexpr int kMantissaBits = 23;
  static constexpr float kSmallestExponent = -87.0f;
  static constexpr float kHuge = 1e37f;
  static constexpr float kLogTwoHigh = 0.693359375f;
  static constexpr float kLogTwoLow = -2.12194440e-4f;
};
template <class Real>
using VectorOf = typename Lanes<Real>::Vector;

// e^r on |r| <= (log 2)/2 as a polynomial, highest power first: minimax in units in the last place,
// the first two coefficients held at 1, so that e^0 = 1. Error: 0.04 ulp in float, 0.07 in double.
template <class Real>
struct Exponential;
template <>
struct Exponential<double> {
  static constexpr int kTerms = 12;
  static constexpr double kCoefficients[kTerms] = {2.4970390585325346122e-8,
                                                   2.7629303035526496831e-7,
                                                   2.7557687126649059866e-6,
                                                   0.000024801496107712299661,
                                                   0.00019841269383951787384,
                                                   0.0013888888940246561874,
                                                   0.0083333333335569442779,
                                                   0.041666666666545761066,
                                                   0.16666666666666302143,
                                                   0.50000000000000077716,
                                                   1.0,
                                                   1.0};
};
template <>
struct Exponential<float> {
  static constexpr int kTerms = 7;
  static constexpr float kCoefficients[kTerms] = {
      0.0013829513f, 0.0083698519f, 0.041668519f, 0.16666511f, 0.49999991f, 1.0f, 1.0f};
};

// e^x for x <= 0 within 1.25 ulp (0.9 with fused multiply-add): x = k log 2 + r, |r| <= (log 2)/2,
// e^r by a polynomial, times 2^k. Zero below the smallest normal number, where the lane's k and r
// are rubbish until the end.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> exponential(VectorOf<Real> x) {
  using L = Lanes<Real>;
  using E = Exponential<Real>;
  using Vector = VectorOf<Real>;
  using Bits = typename L::Bits;
  // Adding 1.5 · 2^mantissa rounds to an integer and leaves it in the low bits.
  constexpr Real kShift = Real(3ull << (L::kMantissaBits - 1));
  const Vector shifted = x * Real(1.44269504088896340736) + kShift;
  const Vector k = shifted - kShift;
  const Vector r = (x - k * Real(L::kLogTwoHigh)) - k * Real(L::kLogTwoLow);
  Vector sum = Vector{} + E::kCoefficients[0];
  ERGON_UNROLL
  for (int term = 1; term < E::kTerms; ++term) sum = sum * r + E::kCoefficients[term];
  const Bits scaled = (Bits)sum + ((Bits)shifted << L::kMantissaBits);
  return x < Real(L::kSmallestExponent) ? Vector{} : (Vector)scaled;
}

// Whether any lane differs from zero.
template <class Real>
ERGON_ISA ERGON_INLINE bool any_nonzero(VectorOf<Real> x) {
  bool any = false;
  ERGON_UNROLL
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane) any |= x[lane] != 0;
  return any;
}

// Row `lane` of the tile is row min(begin + lane, end - 1) of `rows`, (n, width): spare lanes
// repeat the last.
template <class Real>
ERGON_ISA void gather(VectorOf<Real>* tile,
                      const Real* rows,
                      std::int64_t width,
                      std::int64_t begin,
                      std::int64_t end) {
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane) {
    const Real* row = rows + (begin + lane < end ? begin + lane : end - 1) * width;
    Real* out = reinterpret_cast<Real*>(tile) + lane;
    for (std::int64_t k = 0; k < width; ++k) out[k * Lanes<Real>::kCount] = row[k];
  }
}

// The reverse; spare lanes are left out.
template <class Real>
ERGON_ISA void scatter(const VectorOf<Real>* tile,
                       Real* rows,
                       std::int64_t width,
                       std::int64_t begin,
                       std::int64_t end) {
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount && begin + lane < end; ++lane) {
    Real* row = rows + (begin + lane) * width;
    const Real* in = reinterpret_cast<const Real*>(tile) + lane;
    for (std::int64_t k = 0; k < width; ++k) row[k] = in[k * Lanes<Real>::kCount];
  }
}

template <class Real>
ERGON_ISA void clear(VectorOf<Real>* tile, std::int64_t count) {
  for (std::int64_t k = 0; k < count; ++k) tile[k] = VectorOf<Real>{};
}

// Vectors from one aligned block.
template <class Real>
class Arena {
 public:
  explicit Arena(std::int64_t vectors)
      : memory_(aligned_bytes(vectors * ERGON_VECTOR_BYTES)),
        next_(static_cast<VectorOf<Real>*>(memory_.get())) {}
  // In memory of the caller's, aligned to a vector.
  explicit Arena(void* memory) : next_(static_cast<VectorOf<Real>*>(memory)) {}
  VectorOf<Real>* take(std::int64_t vectors) {
    VectorOf<Real>* taken = next_;
    next_ += vectors;
    return taken;
  }

 private:
  AlignedBytes memory_;
  VectorOf<Real>* next_;
};

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
