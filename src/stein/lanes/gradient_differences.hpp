// Needs gradients.hpp: the derivatives of a pass with every difference e = x_i - x_j formed
// directly, those of the products A v included.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// What row i receives from column j, as one problem: rows as lanes, one column at a time.
template <class Real>
struct ColumnAt {
  const Real* point;   // (dim)
  const Real* score;   // (dim)
  const Real* upward;  // (dim)  c F̄_j
  Real trace;          // c T̄_j
  Real kernel;         // c K̄_j
  std::int64_t index;
};

// e_k where κ did not vanish, else zero, so that nothing overflows there.
template <class Real, int kVectors>
ERGON_ISA ERGON_INLINE VectorOf<Real> difference(const GradientTile<Real, kVectors>& t,
                                                 const ColumnAt<Real>& c,
                                                 std::int64_t k,
                                                 int v,
                                                 VectorOf<Real> kappa) {
  return kappa > Real(0) ? t.base.points[k * kVectors + v] - c.point[k] : VectorOf<Real>{};
}

// ψ_ij + ψ_ji by differences.
template <class Real, int kVectors>
ERGON_ISA VectorOf<Real> pair_upstream(const GradientTile<Real, kVectors>& t,
                                       const ColumnAt<Real>& c,
                                       PassScalars<Real> s,
                                       int v,
                                       VectorOf<Real> kappa) {
  using Vector = VectorOf<Real>;
  const Vector distance = t.base.probe[(c.index % block_columns(s.dim)) * kVectors + v];
  const Vector squared = kappa > Real(0) ? distance : Vector{};
  const Vector both = t.trace[v] + c.trace;
  Vector sum = (t.own[v] + c.kernel) + both * (Real(s.dim) * s.beta - squared * (s.beta * s.beta));
  for (std::int64_t k = 0; k < s.dim; ++k) {
    const std::int64_t at = k * kVectors + v;
    const Vector e = difference(t, c, k, v, kappa);
    const Real upward = c.upward[k];
    sum = sum + t.upward[at] * c.score[k] + t.score[at] * upward;
    sum = sum + e * s.beta *
                    ((t.upward[at] - upward) - (t.trace[v] * c.score[k] - t.score[at] * c.trace));
  }
  return sum;
}

// Adds what the pair gives to x̄_i (t.point_sum) and s̄_i (t.mixed_sum).
template <class Real, int kVectors>
ERGON_ISA void add_pair(const GradientTile<Real, kVectors>& t,
                        const ColumnAt<Real>& c,
                        PassScalars<Real> s,
                        int v,
                        const VectorOf<Real>* kappa_and_psi) {
  using Vector = VectorOf<Real>;
  const Vector kappa = kappa_and_psi[0], psi = kappa_and_psi[1];
  const Vector stretch = psi + (t.trace[v] + c.trace) * (Real(2) * s.beta);
  for (std::int64_t k = 0; k < s.dim; ++k) {
    const std::int64_t at = k * kVectors + v;
    const Vector e = difference(t, c, k, v, kappa);
    const Real upward = c.upward[k];
    const Vector pull =
        (t.upward[at] - upward) - (t.trace[v] * c.score[k] - t.score[at] * c.trace) - stretch * e;
    t.point_sum[at] = t.point_sum[at] + kappa * s.beta * pull;
    t.mixed_sum[at] = t.mixed_sum[at] + kappa * (e * (s.beta * c.trace) + upward);
  }
}

// The rows' and the column's vectors of one product, [dim][kVectors] and (dim).
template <class Real>
struct ProductAt {
  const VectorOf<Real>* vectors;
  const VectorOf<Real>* upward;  // J̄_i, to be scaled
  const Real* column_vectors;
  const Real* column_upward;
  VectorOf<Real>* vectors_grad;
};

// The same for a product J_i = κ [β v - β (s_j + β e) eᵀv], with a = vᵀe, b = J̄ᵀ(s + β e) of both
// orders.
template <class Real, int kVectors>
ERGON_ISA void add_product_pair(const GradientTile<Real, kVectors>& t,
                                const ColumnAt<Real>& c,
                                PassScalars<Real> s,
                                int v,
                                const ProductAt<Real>& p,
                                VectorOf<Real> kappa) {
  using Vector = VectorOf<Real>;
  Vector a = {}, b = {}, other_a = {}, other_b = {}, inner = {};
  Real column_inner = 0;
  for (std::int64_t k = 0; k < s.dim; ++k) {
    const std::int64_t at = k * kVectors + v;
    const Vector e = difference(t, c, k, v, kappa);
    a = a + p.vectors[at] * e;
    b = b + p.upward[at] * (e * s.beta + c.score[k]);
    other_a = other_a - e * p.column_vectors[k];
    other_b = other_b + (t.score[at] - e * s.beta) * p.column_upward[k];
    inner = inner + p.vectors[at] * p.upward[at];
    column_inner += p.column_vectors[k] * p.column_upward[k];
  }
  const Vector psi = (inner + column_inner - a * b - other_a * other_b) * s.beta;
  const Vector weight = kappa * (s.beta * s.scale);
  for (std::int64_t k = 0; k < s.dim; ++k) {
    const std::int64_t at = k * kVectors + v;
    const Vector e = difference(t, c, k, v, kappa);
    const Vector own = b * p.vectors[at] + a * p.upward[at] * s.beta;
    const Vector other = other_b * p.column_vectors[k] + other_a * (p.column_upward[k] * s.beta);
    t.point_sum[at] = t.point_sum[at] + weight * (other - own - psi * e);
    t.mixed_sum[at] = t.mixed_sum[at] - weight * other_a * p.column_upward[k];
    p.vectors_grad[at] = p.vectors_grad[at] + weight * (p.upward[at] - b * e);
  }
}

// Buffers of the products in the tile, P × [dim][kVectors] each.
template <class Real>
struct ProductTiles {
  VectorOf<Real>* vectors;
  VectorOf<Real>* upward;
  VectorOf<Real>* vectors_grad;
};

template <class Real, int kVectors>
ERGON_ISA void add_column(const PassUpstream<Real>& u,
                          PassScalars<Real> s,
                          const ColumnAt<Real>& c,
                          const ProductTiles<Real>& products,
                          GradientTile<Real, kVectors>& t) {
  const std::int64_t at = (c.index % block_columns(s.dim)) * kVectors, wide = s.dim * kVectors;
  for (int v = 0; v < kVectors; ++v) {
    const VectorOf<Real> kappa = t.base.weights[at + v];
    if (!any_nonzero<Real>(kappa)) continue;
    const VectorOf<Real> pair[] = {kappa, pair_upstream(t, c, s, v, kappa)};
    add_pair(t, c, s, v, pair);
    for (std::int64_t p = 0; p < u.probes; ++p) {
      const std::int64_t column = (p * u.count + c.index) * s.dim;
      const ProductAt<Real> product{products.vectors + p * wide, products.upward + p * wide,
                                    u.vectors + column, u.products_grad + column,
                                    products.vectors_grad + p * wide};
      add_product_pair(t, c, s, v, product, kappa);
    }
  }
}

template <class Real, int kVectors>
ERGON_ISA void differentiate_by_differences(const PackedUpstream<Real>& p,
                                            const PassUpstream<Real>& u,
                                            PassScalars<Real> s,
                                            const ProductTiles<Real>& products,
                                            GradientTile<Real, kVectors>& t) {
  const PackedColumns<Real> self = columns_of(u);
  const std::int64_t full = block_columns(s.dim);
  for (std::int64_t first = 0; first < u.count; first += full) {
    const std::int64_t size = u.count - first < full ? u.count - first : full;
    const Block<Real> b{first, size, s.beta * Real(-0.5 / kLogTwo), nullptr, nullptr};
    squared_distances(self, b, s.dim, t.base);
    leave_out_self(self, b, kFar<Real>, t.base);
    for (std::int64_t k = 0; k < size * kVectors; ++k) t.base.probe[k] = t.base.weights[k];
    weigh<Real, kVectors, Exponents::kDifferences, false>(b, t.base);
    for (std::int64_t j = first; t.base.reached && j < first + size; ++j) {
      const std::int64_t at = j * s.dim;
      add_column(u, s, {u.points + at, u.score + at, p.upward + at, p.trace[j], p.kernel[j], j},
                 products, t);
    }
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
