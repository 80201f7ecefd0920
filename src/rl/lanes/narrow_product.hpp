// Part of lanes/all.hpp: products with few columns, as dot products along the rows of both factors.
namespace ergon::passes::ERGON_LANES_NAMESPACE {
namespace {

template <class Real>
ERGON_ISA ERGON_INLINE Real sum_of(VectorOf<Real> v) {
  Real sum = 0;
  ERGON_UNROLL
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane) sum += v[lane];
  return sum;
}

template <class Real, int kRows>
ERGON_ISA ERGON_INLINE void dot_rows(const Product<Real>& p,
                                     std::int64_t row,
                                     std::int64_t column,
                                     const Real* weight) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  const Real* left = p.left + row * p.left_stride;
  VectorOf<Real> sum[kRows] = {};
  std::int64_t k = 0;
  for (; k + kLanes <= p.inner; k += kLanes) {
    ERGON_UNROLL
    for (int r = 0; r < kRows; ++r)
      sum[r] = sum[r] + load(left + r * p.left_stride + k) * load(weight + k);
  }
  if (k < p.inner) {
    const VectorOf<Real> rest = load_part(weight + k, p.inner - k);
    for (int r = 0; r < kRows; ++r)
      sum[r] = sum[r] + load_part(left + r * p.left_stride + k, p.inner - k) * rest;
  }
  for (int r = 0; r < kRows; ++r)
    p.out[(row + r) * p.out_stride + column] = p.other[column] + sum_of<Real>(sum[r]);
}

template <class Real>
ERGON_ISA void multiply_narrow(const Product<Real>& p, const Real* weight) {
  for (std::int64_t column = 0; column < p.columns; ++column, weight += p.inner) {
    std::int64_t row = 0;
    for (; row + 4 <= p.rows; row += 4) dot_rows<Real, 4>(p, row, column, weight);
    for (; row < p.rows; ++row) dot_rows<Real, 1>(p, row, column, weight);
  }
}

}  // namespace
}  // namespace ergon::passes::ERGON_LANES_NAMESPACE
