// Part of lanes/all.hpp: vectors of numbers, one lane a point, and their exponential.
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
  static constexpr int kExpTerms = 13;  // 0.3466^14/14! < 2^-53
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
  static constexpr int kExpTerms = 7;  // 0.3466^8/8! < 2^-24
  static constexpr float kSmallestExponent = -87.0f;
  static constexpr float kHuge = 1e37f;
  static constexpr float kLogTwoHigh = 0.693359375f;
  static constexpr float kLogTwoLow = -2.12194440e-4f;
};
template <class Real>
using VectorOf = typename Lanes<Real>::Vector;

// 1/k! for Taylor's series.
constexpr double kInverseFactorial[] = {1.0,
                                        1.0,
                                        1.0 / 2,
                                        1.0 / 6,
                                        1.0 / 24,
                                        1.0 / 120,
                                        1.0 / 720,
                                        1.0 / 5040,
                                        1.0 / 40320,
                                        1.0 / 362880,
                                        1.0 / 3628800,
                                        1.0 / 39916800,
                                        1.0 / 479001600,
                                        1.0 / 6227020800.0};

// e^x for x <= 0 to about an ulp: x = k log 2 + r, |r| <= (log 2)/2, Taylor's series of e^r times
// 2^k. Zero below the smallest normal number.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> exponential(VectorOf<Real> x) {
  using L = Lanes<Real>;
  using Vector = VectorOf<Real>;
  const Vector smallest = Vector{} + Real(L::kSmallestExponent);
  const auto vanishes = x < smallest;
  x = vanishes ? smallest : x;
  // Adding 1.5 · 2^mantissa rounds to an integer and leaves it in the low bits.
  constexpr Real kShift = Real(3ull << (L::kMantissaBits - 1));
  const Vector shifted = x * Real(1.44269504088896340736) + kShift;
  const Vector k = shifted - kShift;
  const Vector r = (x - k * Real(L::kLogTwoHigh)) - k * Real(L::kLogTwoLow);
  Vector sum = Vector{} + Real(kInverseFactorial[L::kExpTerms]);
  ERGON_UNROLL
  for (int term = L::kExpTerms - 1; term >= 0; --term)
    sum = sum * r + Real(kInverseFactorial[term]);
  using Bits = typename L::Bits;
  const Bits scaled = (Bits)sum + ((Bits)shifted << L::kMantissaBits);
  return vanishes ? Vector{} : (Vector)scaled;
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
