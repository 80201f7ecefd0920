// Needs particles.hpp: the sums of a pass in one to four dimensions, where differences cost no more
// than an expansion: everything of a pair stays in registers.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

constexpr std::int64_t kDirectDim = 4;

// One vector of rows and what is summed for it.
template <class Real, int kDim>
struct DirectRows {
  VectorOf<Real> x[kDim];
  VectorOf<Real> velocity[kDim];
  VectorOf<Real> vectors[kDim];  // v and Σ κ (s_j + β d) dᵀv of the first probe
  VectorOf<Real> products[kDim];
  VectorOf<Real> kernel;
  VectorOf<Real> moment;
  std::int64_t same;  // the column that is lane 0, or out of reach
};

// κ of a pair from ‖d‖², zero for a particle with itself.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> kernel_of(VectorOf<Real> squared,
                                                Real factor,
                                                std::int64_t own_lane) {
  const VectorOf<Real> lowest = VectorOf<Real>{} + PowerOfTwo<Real>::kLowest;
  VectorOf<Real> power = squared * factor;
  power = lowest > power ? lowest : power;
  VectorOf<Real> kappa = power_of_two<Real>(power);
  if (own_lane >= 0 && own_lane < Lanes<Real>::kCount) kappa[own_lane] = Real(0);
  return kappa;
}

template <class Real, int kDim, bool kMoments, bool kProducts>
ERGON_ISA void sum_directly(const PackedColumns<Real>& c,
                            PassScalars<Real> s,
                            DirectRows<Real, kDim>& r) {
  using Vector = VectorOf<Real>;
  const Real factor = s.beta * Real(-0.5 / kLogTwo), beta = s.beta;
  Vector x[kDim], v[kDim], velocity[kDim] = {}, products[kDim] = {}, kernel = {}, moment = {};
  for (int k = 0; k < kDim; ++k) x[k] = r.x[k], v[k] = r.vectors[k];
  const Real *point = c.points, *score = c.score;
  for (std::int64_t j = 0; j < c.count; ++j, point += kDim, score += kDim) {
    Vector d[kDim], squared = {}, inner = {}, weight = {};
    ERGON_UNROLL
    for (int k = 0; k < kDim; ++k) {
      d[k] = x[k] - point[k];
      squared = squared + d[k] * d[k];
      if (kProducts) weight = weight + v[k] * d[k];
    }
    const Vector kappa = kernel_of<Real>(squared, factor, j - r.same);
    if (kProducts) weight = weight * kappa;
    ERGON_UNROLL
    for (int k = 0; k < kDim; ++k) {
      const Vector pull = d[k] * beta + score[k];
      velocity[k] = velocity[k] + kappa * pull;
      if (kMoments) inner = inner + pull * d[k];
      if (kProducts) products[k] = products[k] + weight * pull;
    }
    kernel += kappa;
    if (kMoments) moment = moment + kappa * inner;
  }
  for (int k = 0; k < kDim; ++k) r.velocity[k] = velocity[k] * s.scale;
  for (int k = 0; k < kDim; ++k) r.products[k] = products[k] * s.scale;
  r.kernel = kernel;
  r.moment = moment * s.scale;
}

// Σ κ (s_j + β d) dᵀv, or of its transpose.
template <class Real, int kDim, bool kTransposed>
ERGON_ISA void multiply_directly(const PackedColumns<Real>& c,
                                 PassScalars<Real> s,
                                 const DirectRows<Real, kDim>& r,
                                 const VectorOf<Real>* vectors,
                                 VectorOf<Real>* out) {
  using Vector = VectorOf<Real>;
  const Real factor = s.beta * Real(-0.5 / kLogTwo), beta = s.beta;
  Vector x[kDim], v[kDim], sum[kDim] = {};
  for (int k = 0; k < kDim; ++k) x[k] = r.x[k], v[k] = vectors[k];
  const Real *point = c.points, *score = c.score;
  for (std::int64_t j = 0; j < c.count; ++j, point += kDim, score += kDim) {
    Vector d[kDim], pull[kDim], squared = {}, inner = {};
    ERGON_UNROLL
    for (int k = 0; k < kDim; ++k) {
      d[k] = x[k] - point[k];
      pull[k] = d[k] * beta + score[k];
      squared = squared + d[k] * d[k];
      inner = inner + v[k] * (kTransposed ? pull[k] : d[k]);
    }
    const Vector weight = kernel_of<Real>(squared, factor, j - r.same) * inner;
    ERGON_UNROLL
    for (int k = 0; k < kDim; ++k) sum[k] = sum[k] + weight * (kTransposed ? d[k] : pull[k]);
  }
  for (int k = 0; k < kDim; ++k) out[k] = sum[k] * s.scale;
}

template <class Real, int kVectors, int kDim>
ERGON_ISA void sum_tile_directly(const PackedColumns<Real>& c,
                                 PassScalars<Real> s,
                                 std::int64_t probes,
                                 RowTile<Real, kVectors>& t) {
  constexpr std::int64_t kLanes = Lanes<Real>::kCount;
  for (int v = 0; v < kVectors; ++v) {
    DirectRows<Real, kDim> r;
    r.same = c.first_same < 0 ? std::int64_t(1) << 60 : c.first_same + t.first + v * kLanes;
    for (int k = 0; k < kDim; ++k) r.x[k] = t.points[k * kVectors + v];
    const bool products = t.products != nullptr && probes > 0;
    for (int k = 0; k < kDim; ++k) {
      r.vectors[k] = VectorOf<Real>{};
      if (products) r.vectors[k] = t.vectors[k * kVectors + v];
    }
    if (products) {
      sum_directly<Real, kDim, true, true>(c, s, r);
    } else if (t.moments) {
      sum_directly<Real, kDim, true, false>(c, s, r);
    } else {
      sum_directly<Real, kDim, false, false>(c, s, r);
    }
    for (int k = 0; products && k < kDim; ++k) t.products[k * kVectors + v] = r.products[k];
    t.kernel[v] = r.kernel;
    t.moment[v] = r.moment;
    for (int k = 0; t.velocity != nullptr && k < kDim; ++k)
      t.velocity[k * kVectors + v] = r.velocity[k];
    for (std::int64_t p = products ? 1 : 0; p < probes; ++p) {
      VectorOf<Real> vectors[kDim], sums[kDim];
      for (int k = 0; k < kDim; ++k) vectors[k] = t.vectors[(p * kDim + k) * kVectors + v];
      if (products) {
        multiply_directly<Real, kDim, false>(c, s, r, vectors, sums);
      } else {
        multiply_directly<Real, kDim, true>(c, s, r, vectors, sums);
      }
      VectorOf<Real>* out = products ? t.products : t.transposed;
      for (int k = 0; k < kDim; ++k) out[(p * kDim + k) * kVectors + v] = sums[k];
    }
  }
}

// In one to four dimensions; false in more.
template <class Real, int kVectors>
ERGON_ISA bool sum_directly(const PackedColumns<Real>& c,
                            PassScalars<Real> s,
                            std::int64_t probes,
                            RowTile<Real, kVectors>& t) {
  if (s.dim == 1) sum_tile_directly<Real, kVectors, 1>(c, s, probes, t);
  if (s.dim == 2) sum_tile_directly<Real, kVectors, 2>(c, s, probes, t);
  if (s.dim == 3) sum_tile_directly<Real, kVectors, 3>(c, s, probes, t);
  if (s.dim == 4) sum_tile_directly<Real, kVectors, 4>(c, s, probes, t);
  return s.dim <= kDirectDim;
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
