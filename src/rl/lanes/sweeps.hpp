// Part of lanes/all.hpp: sweeps over arrays.
namespace ergon::passes::ERGON_LANES_NAMESPACE {
namespace {

template <class Real>
ERGON_ISA void tanh_sweep(Real* numbers, std::int64_t count) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    store<Real>(hyperbolic_tangent<Real>(load(numbers + i)), numbers + i);
  if (i < count)
    store_part<Real>(hyperbolic_tangent<Real>(load_part(numbers + i, count - i)), count - i,
                     numbers + i);
}

template <class Real>
ERGON_ISA void elu_sweep(Real* numbers, std::int64_t count) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store<Real>(elu<Real>(load(numbers + i)), numbers + i);
  if (i < count)
    store_part<Real>(elu<Real>(load_part(numbers + i, count - i)), count - i, numbers + i);
}

template <class Real>
ERGON_ISA void sum_rows(
    const Real* in, std::int64_t stride, std::int64_t rows, std::int64_t columns, Real* out) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  using Vector = VectorOf<Real>;
  std::int64_t j = 0;
  for (; j + 4 * kLanes <= columns; j += 4 * kLanes) {
    Vector sum[4] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      ERGON_UNROLL
      for (int v = 0; v < 4; ++v) sum[v] += load(in + row * stride + j + v * kLanes);
    }
    for (int v = 0; v < 4; ++v) store<Real>(sum[v], out + j + v * kLanes);
  }
  for (; j < columns; ++j) {
    Real sum = 0;
    for (std::int64_t row = 0; row < rows; ++row) sum += in[row * stride + j];
    out[j] = sum;
  }
}

template <class Real>
ERGON_ISA void move_towards_sweep(const Real* source,
                                  Real share,
                                  std::int64_t count,
                                  Real* target) {
  for (std::int64_t i = 0; i < count; ++i) target[i] += share * (source[i] - target[i]);
}

// `there` numbers of a vector: all of them but at the end of an array.
template <class Real, bool kWhole>
ERGON_ISA ERGON_INLINE void adam_vector(const AdamStep<Real>& s,
                                        std::int64_t there,
                                        const Real* gradients,
                                        const AdamNumbers<Real>& n) {
  using Vector = VectorOf<Real>;
  const Vector g = kWhole ? load(gradients) : load_part(gradients, there);
  const Vector old_m = kWhole ? load(n.first) : load_part(n.first, there);
  const Vector old_v = kWhole ? load(n.second) : load_part(n.second, there);
  const Vector old = kWhole ? load(n.parameters) : load_part(n.parameters, there);
  const Vector m = s.beta1 * old_m + s.rest1 * g;
  const Vector v = s.beta2 * old_v + s.rest2 * g * g;
  const Vector moved = old - s.size * m / (square_root(v) + s.epsilon);
  if (kWhole) {
    store<Real>(m, n.first), store<Real>(v, n.second), store<Real>(moved, n.parameters);
  } else {
    store_part<Real>(m, there, n.first), store_part<Real>(v, there, n.second);
    store_part<Real>(moved, there, n.parameters);
  }
}

template <class Real>
ERGON_ISA void adam_sweep(const AdamStep<Real>& s,
                          std::int64_t count,
                          const Real* gradients,
                          const AdamNumbers<Real>& n) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  const AdamStep<Real> step = s;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    adam_vector<Real, true>(step, kLanes, gradients + i,
                            {n.first + i, n.second + i, n.parameters + i});
  if (i < count)
    adam_vector<Real, false>(step, count - i, gradients + i,
                             {n.first + i, n.second + i, n.parameters + i});
}

// u = mean + sigma noise, and from it what SquashedBlock says.
template <class Real>
ERGON_ISA void squash(SquashedBlock<Real>& b, std::int64_t count) {
  using Vector = VectorOf<Real>;
  constexpr double kLogTwo = 0.693147180559945309417, kHalfLogTwoPi = 0.918938533204672741780;
  for (std::int64_t i = 0; i < count; i += Lanes<Real>::kCount) {
    const Vector noise = load(b.noise + i), log_stddev = load(b.log_stddev + i);
    const Vector spread = any_exponential<Real>(log_stddev) * noise;
    const Vector u = load(b.mean + i) + spread;
    const Vector e = exponential<Real>(Real(-2) * absolute<Real>(u)), sum = e + Real(1);
    const Vector softplus = (u < Real(0) ? Real(-2) * u : Vector{}) + log_one_plus<Real>(e);
    store<Real>(spread, b.spread + i);
    store<Real>(hyperbolic_tangent<Real>(u), b.action + i);
    store<Real>(Real(4) * e / (sum * sum), b.slope + i);
    store<Real>(-(noise * noise * Real(0.5) + log_stddev + Real(kHalfLogTwoPi) +
                  Real(2) * (Real(kLogTwo) - u - softplus)),
                b.log_density + i);
  }
}

}  // namespace
}  // namespace ergon::passes::ERGON_LANES_NAMESPACE
