// Needs differences.hpp: a tile of rows from start to end.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

template <class Real, int kVectors>
ERGON_ISA RowTile<Real, kVectors> row_tile(Arena<Real>& arena,
                                           const PassSums<Real>& rows,
                                           std::int64_t dim) {
  RowTile<Real, kVectors> t;
  const std::int64_t wide = dim * kVectors, block = block_columns(dim) * kVectors;
  const bool products = rows.products != nullptr, transposed = rows.transposed != nullptr;
  t.moments = rows.trace != nullptr;
  t.points = arena.take(wide);
  t.weights = arena.take(block);
  t.probe = arena.take(block);
  t.velocity = rows.velocity != nullptr || rows.trace != nullptr ? arena.take(wide) : nullptr;
  t.vectors = arena.take(rows.probes * wide);
  t.products = products ? arena.take(rows.probes * wide) : nullptr;
  t.transposed = transposed ? arena.take(rows.probes * wide) : nullptr;
  t.product_sum = arena.take(rows.probes * kVectors);
  return t;
}
inline std::int64_t row_tile_vectors(std::int64_t dim, std::int64_t probes) {
  return kTileVectors * (2 * dim + 2 * block_columns(dim) + probes * (2 * dim + 1));
}

template <class Real, int kVectors>
ERGON_ISA void clear_sums(RowTile<Real, kVectors>& t, std::int64_t dim, std::int64_t probes) {
  const std::int64_t wide = dim * kVectors;
  if (t.velocity != nullptr) clear<Real>(t.velocity, wide);
  if (t.products != nullptr) clear<Real>(t.products, probes * wide);
  if (t.transposed != nullptr) clear<Real>(t.transposed, probes * wide);
  clear<Real>(t.product_sum, probes * kVectors);
  for (int v = 0; v < kVectors; ++v) t.kernel[v] = t.moment[v] = t.spread[v] = VectorOf<Real>{};
}

template <class Real, int kVectors>
ERGON_ISA void gather_rows(const PassSums<Real>& rows,
                           PassScalars<Real> s,
                           RowTile<Real, kVectors>& t) {
  gather_tile<Real, kVectors>(rows.points + t.first * s.dim, t.count, s.dim, t.points);
  for (std::int64_t p = 0; p < rows.probes; ++p)
    gather_tile<Real, kVectors>(rows.vectors + (p * rows.count + t.first) * s.dim, t.count, s.dim,
                                t.vectors + p * s.dim * kVectors);
}

// Points and exponents for an expansion.
template <class Real, int kVectors>
ERGON_ISA void centre_points(PassScalars<Real> s, RowTile<Real, kVectors>& t) {
  using Vector = VectorOf<Real>;
  centre_tile<Real, kVectors>(s.centre, t.count, s.dim, t.points);
  const Real exponent = Real(-0.5 / kLogTwo) * s.beta;
  for (int v = 0; v < kVectors; ++v) {
    Vector norm = {};
    for (std::int64_t k = 0; k < s.dim; ++k) {
      const Vector x = t.points[k * kVectors + v];
      norm = norm + x * x;
    }
    t.norm[v] = norm;
    t.offset[v] = norm * exponent;
  }
  Real* offset = reinterpret_cast<Real*>(t.offset);
  for (std::int64_t lane = t.count; lane < kVectors * Lanes<Real>::kCount; ++lane)
    offset[lane] = -kFar<Real>;
}

// Σ κ c (s_j + β d) and Σ κ c (s_j + β d)ᵀd out of the expanded sums.
template <class Real, int kVectors>
ERGON_ISA void contract(PassScalars<Real> s, std::int64_t probes, RowTile<Real, kVectors>& t) {
  using Vector = VectorOf<Real>;
  const Real pull = s.scale * s.beta;
  for (int v = 0; v < kVectors; ++v) {
    Vector inner = {};
    for (std::int64_t k = 0; t.velocity != nullptr && k < s.dim; ++k) {
      Vector& sum = t.velocity[k * kVectors + v];
      const Vector x = t.points[k * kVectors + v];
      inner = inner + sum * x;
      sum = sum + t.kernel[v] * x * pull;
    }
    // Σ κ ‖d‖² = -(2 log 2 / β) Σ κ t
    t.moment[v] =
        inner - t.moment[v] +
        (t.norm[v] * (Real(0.5) * pull) * t.kernel[v] - t.spread[v] * Real(kLogTwo) * s.scale);
    for (std::int64_t p = 0; p < probes; ++p) {
      const Vector weight = t.product_sum[p * kVectors + v];
      for (std::int64_t k = 0; k < s.dim; ++k) {
        const Vector x = t.points[k * kVectors + v];
        const std::int64_t at = (p * s.dim + k) * kVectors + v;
        if (t.products != nullptr) t.products[at] = t.products[at] + weight * x * pull;
        if (t.transposed != nullptr) t.transposed[at] = weight * x - t.transposed[at];
      }
    }
  }
}

// Where a factor overflowed, a κ of zero times it is NaN.
template <class Real, int kVectors>
ERGON_ISA bool finite_sums(const RowTile<Real, kVectors>& t,
                           std::int64_t dim,
                           std::int64_t probes) {
  const std::int64_t wide = dim * kVectors;
  return (t.velocity == nullptr || all_finite<Real>(t.velocity, wide)) &&
         (t.products == nullptr || all_finite<Real>(t.products, probes * wide)) &&
         (t.transposed == nullptr || all_finite<Real>(t.transposed, probes * wide)) &&
         (!t.moments || all_finite<Real>(t.moment, kVectors));
}

// β c Σκ v - β (what products or transposed hold).
template <class Real, int kVectors>
ERGON_ISA void finish_products(PassScalars<Real> s,
                               std::int64_t probes,
                               VectorOf<Real>* sums,
                               const RowTile<Real, kVectors>& t) {
  for (std::int64_t at = 0; at < probes * s.dim; ++at)
    for (int v = 0; v < kVectors; ++v) {
      VectorOf<Real>& sum = sums[at * kVectors + v];
      sum = (t.vectors[at * kVectors + v] * t.kernel[v] * s.scale - sum) * s.beta;
    }
}

template <class Real, int kVectors>
ERGON_ISA void store_sums(const PackedColumns<Real>& c,
                          const PassSums<Real>& rows,
                          PassScalars<Real> s,
                          RowTile<Real, kVectors>& t) {
  const std::int64_t dim = s.dim;
  if (rows.velocity != nullptr) {
    scatter_lanes<Real, kVectors, true>(t.velocity, t.count, dim, rows.velocity + t.first * dim);
    for (std::int64_t i = t.first; c.first_same >= 0 && i < t.first + t.count; ++i) {
      if (c.first_same + i >= c.count) break;
      for (std::int64_t k = 0; k < dim; ++k)
        rows.velocity[i * dim + k] += s.scale * c.score[(c.first_same + i) * dim + k];
    }
  }
  const Real* kernel = reinterpret_cast<const Real*>(t.kernel);
  const Real* moment = reinterpret_cast<const Real*>(t.moment);
  for (std::int64_t lane = 0; lane < t.count; ++lane) {
    const Real mass = s.scale * kernel[lane];
    if (rows.kernel != nullptr) rows.kernel[t.first + lane] += mass;
    if (rows.trace != nullptr)
      rows.trace[t.first + lane] += s.beta * (Real(dim) * mass - moment[lane]);
  }
  for (std::int64_t p = 0; p < rows.probes; ++p) {
    const std::int64_t out = (p * rows.count + t.first) * dim, in = p * dim * kVectors;
    if (t.products != nullptr)
      scatter_lanes<Real, kVectors, true>(t.products + in, t.count, dim, rows.products + out);
    if (t.transposed != nullptr)
      scatter_lanes<Real, kVectors, true>(t.transposed + in, t.count, dim, rows.transposed + out);
  }
}

template <class Real, int kVectors>
ERGON_ISA void forward_tile(const PackedColumns<Real>& c,
                            const PassSums<Real>& rows,
                            PassScalars<Real> s,
                            std::int64_t first,
                            void* memory) {
  Arena<Real> arena(memory);
  RowTile<Real, kVectors> t = row_tile<Real, kVectors>(arena, rows, s.dim);
  t.first = first;
  constexpr std::int64_t kLanes = kVectors * Lanes<Real>::kCount;
  t.count = rows.count - first < kLanes ? rows.count - first : kLanes;
  gather_rows(rows, s, t);
  clear_sums(t, s.dim, rows.probes);
  bool done = sum_directly(c, s, rows.probes, t);
  if (!done) {
    centre_points(s, t);
    done = sum_by_expansion(c, s, rows.probes, t);
    if (done) contract(s, rows.probes, t);
  }
  if (!done || !finite_sums(t, s.dim, rows.probes)) {
    gather_tile<Real, kVectors>(rows.points + t.first * s.dim, t.count, s.dim, t.points);
    clear_sums(t, s.dim, rows.probes);
    sum_by_differences(c, s, rows.probes, t);
  }
  if (t.products != nullptr) finish_products(s, rows.probes, t.products, t);
  if (t.transposed != nullptr) finish_products(s, rows.probes, t.transposed, t);
  store_sums(c, rows, s, t);
}

// Rows per tile, and the tile that begins at a row: as many vectors as there are rows for.
template <class Real>
constexpr std::int64_t kTileRows = kTileVectors* Lanes<Real>::kCount;

template <class Real>
ERGON_ISA void forward_rows(const PackedColumns<Real>& c,
                            const PassSums<Real>& rows,
                            PassScalars<Real> s,
                            std::int64_t first,
                            void* memory) {
  const std::int64_t left = rows.count - first, lanes = Lanes<Real>::kCount;
  if (left > 2 * lanes) return forward_tile<Real, 3>(c, rows, s, first, memory);
  if (left > lanes) return forward_tile<Real, 2>(c, rows, s, first, memory);
  forward_tile<Real, 1>(c, rows, s, first, memory);
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
