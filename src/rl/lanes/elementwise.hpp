// Part of lanes/all.hpp: vectors of numbers and functions of them.
namespace ergon::passes::ERGON_LANES_NAMESPACE {
namespace {

using namespace ergon::stein::ERGON_LANES_NAMESPACE;

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
/// The first `count` numbers, zeros behind them.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> load_part(const Real* from, std::int64_t count) {
  VectorOf<Real> v = {};
  for (std::int64_t lane = 0; lane < count && lane < Lanes<Real>::kCount; ++lane)
    v[lane] = from[lane];
  return v;
}
template <class Real>
ERGON_ISA ERGON_INLINE void store_part(VectorOf<Real> v, std::int64_t count, Real* to) {
  for (std::int64_t lane = 0; lane < count && lane < Lanes<Real>::kCount; ++lane)
    to[lane] = v[lane];
}

template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> absolute(VectorOf<Real> x) {
  return x < Real(0) ? -x : x;
}

// e^x for any x, NaN included: stein's is for x <= 0.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> any_exponential(VectorOf<Real> x) {
  const VectorOf<Real> e = exponential<Real>(-absolute<Real>(x));
  return x > Real(0) ? Real(1) / e : (x <= Real(0) ? e : x);
}

// e^x - 1 for x <= 0 by 2^k (e^r - 1) + (2^k - 1), which cancels nowhere.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> exponential_less_one(VectorOf<Real> x) {
  using L = Lanes<Real>;
  using E = Exponential<Real>;
  using Vector = VectorOf<Real>;
  using Bits = typename L::Bits;
  constexpr Real kShift = Real(3ull << (L::kMantissaBits - 1));
  // NaN passes.
  const Vector bounded = x < Real(-60) ? Vector{} - Real(60) : x;
  const Vector shifted = bounded * Real(1.44269504088896340736) + kShift;
  const Vector k = shifted - kShift;
  const Vector r = (bounded - k * Real(L::kLogTwoHigh)) - k * Real(L::kLogTwoLow);
  Vector sum = Vector{} + E::kCoefficients[0];
  ERGON_UNROLL
  for (int term = 1; term + 1 < E::kTerms; ++term) sum = sum * r + E::kCoefficients[term];
  const Vector one = Vector{} + Real(1);
  const Vector power = (Vector)((Bits)one + ((Bits)shifted << L::kMantissaBits));
  return power * (r * sum) + (power - one);
}

template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> hyperbolic_tangent(VectorOf<Real> x) {
  const VectorOf<Real> m = exponential_less_one<Real>(Real(-2) * absolute<Real>(x));
  const VectorOf<Real> t = m / (m + Real(2));
  return x < Real(0) ? t : -t;
}

// log(1 + e) for 0 <= e <= 1 as 2 artanh(s), s = e / (2 + e) <= 1/3, by its series.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> log_one_plus(VectorOf<Real> e) {
  constexpr int kTerms = sizeof(Real) == 4 ? 8 : 17;
  const VectorOf<Real> s = e / (e + Real(2)), squared = s * s;
  VectorOf<Real> sum = VectorOf<Real>{} + Real(1.0 / (2 * kTerms - 1));
  ERGON_UNROLL
  for (int term = kTerms - 2; term >= 0; --term) sum = sum * squared + Real(1.0 / (2 * term + 1));
  return Real(2) * s * sum;
}

template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> elu(VectorOf<Real> x) {
  const VectorOf<Real> below = x > Real(0) ? VectorOf<Real>{} : x;
  return x > Real(0) ? x : exponential_less_one<Real>(below);
}

// Written out: compilers keep a loop of sqrt in scalars, for errno's sake. With a full mask, since
// g++ 12 warns of its own unmasked function.
ERGON_ISA ERGON_INLINE VectorOf<float> square_root(VectorOf<float> x) {
#if !defined(__x86_64__)
  for (int lane = 0; lane < int(Lanes<float>::kCount); ++lane) x[lane] = __builtin_sqrtf(x[lane]);
  return x;
#elif ERGON_VECTOR_BYTES == 64
  return (VectorOf<float>)_mm512_maskz_sqrt_ps(0xFFFF, (__m512)x);
#elif ERGON_VECTOR_BYTES == 32
  return (VectorOf<float>)_mm256_sqrt_ps((__m256)x);
#else
  return (VectorOf<float>)_mm_sqrt_ps((__m128)x);
#endif
}
ERGON_ISA ERGON_INLINE VectorOf<double> square_root(VectorOf<double> x) {
#if !defined(__x86_64__)
  for (int lane = 0; lane < int(Lanes<double>::kCount); ++lane) x[lane] = __builtin_sqrt(x[lane]);
  return x;
#elif ERGON_VECTOR_BYTES == 64
  return (VectorOf<double>)_mm512_maskz_sqrt_pd(0xFF, (__m512d)x);
#elif ERGON_VECTOR_BYTES == 32
  return (VectorOf<double>)_mm256_sqrt_pd((__m256d)x);
#else
  return (VectorOf<double>)_mm_sqrt_pd((__m128d)x);
#endif
}

// What is written for a sum; y: of `other`.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> finished(Finish finish,
                                               VectorOf<Real> sum,
                                               VectorOf<Real> y,
                                               VectorOf<Real> out) {
  using Vector = VectorOf<Real>;
  const Vector one = Vector{} + Real(1);
  switch (finish) {
    case Finish::kSet:
      return sum;
    case Finish::kAdd:
      return out + sum;
    case Finish::kBias:
      return sum + y;
    case Finish::kBiasRelu:
      return sum + y < Real(0) ? Vector{} : sum + y;  // NaN stays
    case Finish::kSlopeRelu:
      return y > Real(0) ? sum : Vector{};
    case Finish::kSlopeTanh:
      return sum * (one - y * y);
    case Finish::kSlopeElu:
      return sum * (y > Real(0) ? one : y + one);
  }
  return sum;
}

}  // namespace
}  // namespace ergon::passes::ERGON_LANES_NAMESPACE
