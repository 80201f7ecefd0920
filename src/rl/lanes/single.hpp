// Part of lanes/all.hpp: a layer at one input, its outputs in registers while the inputs that are
// not zero pass by. Rows of the weight are padded to whole cache lines.
namespace ergon::passes::ERGON_LANES_NAMESPACE {
namespace {

template <class Real, int kVectors>
ERGON_ISA ERGON_INLINE void single_block(const SingleLayer<Real>& l, std::int64_t at, Real* out) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  VectorOf<Real> sum[kVectors];
  ERGON_UNROLL
  for (int v = 0; v < kVectors; ++v) sum[v] = load(l.bias + at + v * kLanes);
  for (std::int64_t i = 0; i < l.count; ++i) {
    const std::int64_t k = l.chosen[i];
    const Real x = l.input[k];
    const Real* weight = l.weight + k * l.stride + at;
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[v] = sum[v] + load(weight + v * kLanes) * x;
  }
  ERGON_UNROLL
  for (int v = 0; v < kVectors; ++v) store<Real>(sum[v], out + at + v * kLanes);
}

template <class Real>
ERGON_ISA void single_layer(const SingleLayer<Real>& l, Real* out) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  constexpr int kMost = ERGON_VECTOR_BYTES == 64 ? 16 : 8;
  std::int64_t at = 0;
  for (; at + kMost * kLanes <= l.stride; at += kMost * kLanes)
    single_block<Real, kMost>(l, at, out);
  for (; at + 4 * kLanes <= l.stride; at += 4 * kLanes) single_block<Real, 4>(l, at, out);
  for (; at < l.stride; at += kLanes) single_block<Real, 1>(l, at, out);
}

}  // namespace
}  // namespace ergon::passes::ERGON_LANES_NAMESPACE
