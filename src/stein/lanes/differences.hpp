// Needs particles.hpp: the same sums with every difference d = x_i - x_j formed directly, for tiles
// where an expansion would cancel. Slower, accurate for any finite points and scores.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// ‖x_i - x_j‖² into the weights.
template <class Real, int kVectors>
ERGON_ISA void squared_distances(const PackedColumns<Real>& c,
                                 const Block<Real>& b,
                                 std::int64_t dim,
                                 RowTile<Real, kVectors>& t) {
  using Vector = VectorOf<Real>;
  const Vector far = Vector{} + kFar<Real>;
  for (std::int64_t j = 0; j < b.size; ++j) {
    const Real* point = c.points + (b.first + j) * dim;
    Vector sum[kVectors] = {};
    for (std::int64_t k = 0; k < dim; ++k) {
      for (int v = 0; v < kVectors; ++v) {
        const Vector d = t.points[k * kVectors + v] - point[k];
        sum[v] = sum[v] + d * d;
      }
    }
    for (int v = 0; v < kVectors; ++v) t.weights[j * kVectors + v] = sum[v] > far ? far : sum[v];
  }
}

// Σ κ c (s_j + β d) and, in `moment`, its product with d.
template <class Real, int kVectors>
ERGON_ISA void add_velocity(const PackedColumns<Real>& c,
                            const Block<Real>& b,
                            PassScalars<Real> s,
                            RowTile<Real, kVectors>& t) {
  using Vector = VectorOf<Real>;
  for (std::int64_t k = 0; k < s.dim; ++k) {
    Vector* x = t.points + k * kVectors;
    Vector sum[kVectors] = {}, moment[kVectors] = {};
    for (std::int64_t j = 0; j < b.size; ++j) {
      const std::int64_t at = (b.first + j) * s.dim + k;
      for (int v = 0; v < kVectors; ++v) {
        const Vector d = x[v] - c.points[at];
        const Vector term = t.weights[j * kVectors + v] * ((d * s.beta + c.score[at]) * s.scale);
        sum[v] += term;
        moment[v] = moment[v] + term * d;
      }
    }
    for (int v = 0; v < kVectors; ++v) {
      t.velocity[k * kVectors + v] += sum[v];
      t.moment[v] += moment[v];
    }
  }
}

// w_ij = κ v_iᵀd with c (s_j + β d); transposed: κ v_iᵀ c (s_j + β d) with d.
template <class Real, int kVectors>
ERGON_ISA void add_products_by_differences(const PackedColumns<Real>& c,
                                           const Block<Real>& b,
                                           PassScalars<Real> s,
                                           std::int64_t probe,
                                           RowTile<Real, kVectors>& t) {
  using Vector = VectorOf<Real>;
  const bool transposed = t.transposed != nullptr;
  const Vector* vectors = t.vectors + probe * s.dim * kVectors;
  Vector* out = (transposed ? t.transposed : t.products) + probe * s.dim * kVectors;
  for (std::int64_t j = 0; j < b.size; ++j) {
    const Real *point = c.points + (b.first + j) * s.dim, *score = c.score + (b.first + j) * s.dim;
    for (int v = 0; v < kVectors; ++v) {
      const Vector kappa = t.weights[j * kVectors + v];
      if (!any_nonzero<Real>(kappa)) continue;
      Vector weight = {};
      for (std::int64_t k = 0; k < s.dim; ++k) {
        const Vector d = t.points[k * kVectors + v] - point[k];
        const Vector pull = (d * s.beta + score[k]) * s.scale;
        weight = weight + vectors[k * kVectors + v] * (transposed ? pull : d);
      }
      weight = kappa > Real(0) ? weight * kappa : Vector{};  // which may have overflowed
      for (std::int64_t k = 0; k < s.dim; ++k) {
        const Vector d = t.points[k * kVectors + v] - point[k];
        const Vector pull = (d * s.beta + score[k]) * s.scale;
        out[k * kVectors + v] = out[k * kVectors + v] + weight * (transposed ? d : pull);
      }
    }
  }
}

template <class Real, int kVectors>
ERGON_ISA void sum_by_differences(const PackedColumns<Real>& c,
                                  PassScalars<Real> s,
                                  std::int64_t probes,
                                  RowTile<Real, kVectors>& t) {
  const std::int64_t full = block_columns(s.dim);
  for (std::int64_t first = 0; first < c.count; first += full) {
    const std::int64_t size = c.count - first < full ? c.count - first : full;
    const Block<Real> b{first, size, s.beta * Real(-0.5 / kLogTwo), nullptr, nullptr};
    squared_distances(c, b, s.dim, t);
    leave_out_self(c, b, kFar<Real>, t);
    weigh<Real, kVectors, Exponents::kDifferences>(b, t);
    if (!t.reached) continue;
    if (t.velocity != nullptr) add_velocity(c, b, s, t);
    for (std::int64_t probe = 0; probe < probes; ++probe)
      add_products_by_differences(c, b, s, probe, t);
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
