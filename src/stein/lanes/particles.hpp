// Needs tile.hpp: the sums of a pass over a tile of rows, (2), (3), (6), (7), with distances and
// differences expanded to products, (3a):
//   -β/2 ‖x_i - x_j‖² = β x_iᵀx_j - β/2 ‖x_i‖² - β/2 ‖x_j‖²,  s_j + β d = h_j + β x_i,  h_j = s_j -
//   β x_j.
// That cancels where points are close to each other and far from their mean. A tile where it would
// cost accuracy is done by differences instead (differences.hpp).
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// Exponents are powers of two: β/2 ‖·‖² log2(e). In these units, an expansion with terms up to
// kExpanded + 2 |t| is as good as the rounding of t itself to a few ulp, and 1e-5 holds.
template <class Real>
constexpr Real kExpanded = sizeof(Real) == 4 ? Real(50) : Real(2500);
// Rounding of an expanded exponent, relative to its terms, far above what it is as a rule.
template <class Real>
constexpr Real kRounding = sizeof(Real) == 4 ? Real(1e-5) : Real(1e-13);
template <class Real>
constexpr Real kFar = sizeof(Real) == 4 ? Real(1e38) : Real(1e300);

// A tile of rows first..first+count-1 and what is summed for it. Sums are [dim][kVectors].
template <class Real, int kVectors>
struct RowTile {
  std::int64_t first;
  std::int64_t count;
  VectorOf<Real>* points;       // x_i, less the centre for an expansion
  VectorOf<Real>* weights;      // [block_columns()][kVectors]  exponents, then κ
  VectorOf<Real>* probe;        // [block_columns()][kVectors]  the weights of a product
  VectorOf<Real>* velocity;     // Σ κ c h_j, or by differences Σ κ c (s_j + β d)
  VectorOf<Real>* vectors;      // (P) v_i
  VectorOf<Real>* products;     // (P)
  VectorOf<Real>* transposed;   // (P)
  VectorOf<Real>* product_sum;  // (P)[kVectors]  Σ of the product's weights
  bool moments;                 // whether moment and spread are wanted
  bool reached;                 // whether the block at hand has a κ that did not vanish
  VectorOf<Real> norm[kVectors];
  VectorOf<Real> offset[kVectors];
  VectorOf<Real> kernel[kVectors];  // Σ κ
  VectorOf<Real> moment[kVectors];  // Σ κ moment_j, or by differences Σ κ c (s_j + β d)ᵀd
  VectorOf<Real> spread[kVectors];  // Σ κ t
};

template <class Real>
ERGON_ISA ERGON_INLINE Real largest_of(VectorOf<Real> x) {
  Real largest = x[0];
  for (std::int64_t lane = 1; lane < Lanes<Real>::kCount; ++lane)
    largest = x[lane] > largest ? x[lane] : largest;
  return largest;
}

// Whether no number of the tile is infinite or NaN.
template <class Real>
ERGON_ISA bool all_finite(const VectorOf<Real>* tile, std::int64_t count) {
  VectorOf<Real> sum = {};
  for (std::int64_t k = 0; k < count; ++k) sum = sum + tile[k] * Real(0);
  bool finite = true;
  for (std::int64_t lane = 0; lane < Lanes<Real>::kCount; ++lane) finite = finite && sum[lane] == 0;
  return finite;
}

// Where a block of columns stands: its exponents are factor · weights + offset_i + offset_j.
template <class Real>
struct Block {
  std::int64_t first;
  std::int64_t size;
  Real factor;
  const Real* offset;  // of the columns first.., or null: zero
  const Real* moment;
};

// How exponents arise: from an expansion that cannot cancel, from one that can, by differences.
enum class Exponents { kSafe, kWatched, kDifferences };

// The most that an exponent's terms exceeded it, where κ may not vanish once their rounding is
// taken off.
template <class Real>
ERGON_ISA ERGON_INLINE VectorOf<Real> watch(VectorOf<Real> power,
                                            VectorOf<Real> terms,
                                            VectorOf<Real> cancelled) {
  const VectorOf<Real> excess = power * Real(2) - terms;
  const VectorOf<Real> highest = power - terms * kRounding<Real>;
  return highest > PowerOfTwo<Real>::kLowest && excess > cancelled ? excess : cancelled;
}

// Exponents to κ, with the rows' sums (of moments and spread where kMoments). kWatched: false where
// a κ that does not vanish comes from terms that cancel too far.
template <class Real, int kVectors, Exponents kHow, bool kMoments>
ERGON_ISA bool weigh(const Block<Real>& b, RowTile<Real, kVectors>& t) {
  using Vector = VectorOf<Real>;
  constexpr bool kExpansion = kHow != Exponents::kDifferences;
  const Vector lowest = Vector{} + PowerOfTwo<Real>::kLowest;
  Vector cancelled = {};
  Vector offset[kVectors], kernel[kVectors] = {}, moment[kVectors] = {}, spread[kVectors] = {};
  for (int v = 0; v < kVectors; ++v) offset[v] = kExpansion ? t.offset[v] : Vector{};
  const Real factor = b.factor, *column_offset = b.offset, *column_moment = b.moment;
  Vector* weight = t.weights;
  for (std::int64_t j = 0; j < b.size; ++j, weight += kVectors) {
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      Vector terms = {};
      if (kExpansion) terms = offset[v] + column_offset[j];
      Vector power = weight[v] * factor + terms;
      if (kHow == Exponents::kWatched) cancelled = watch<Real>(power, terms, cancelled);
      power = lowest > power ? lowest : power;
      const Vector kappa = power_of_two<Real>(power);
      weight[v] = kappa;
      kernel[v] += kappa;
      if (kMoments) spread[v] = spread[v] + kappa * power;
      if (kMoments && kExpansion) moment[v] = moment[v] + kappa * column_moment[j];
    }
  }
  t.reached = false;
  ERGON_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    t.kernel[v] += kernel[v];
    t.moment[v] += moment[v];
    t.spread[v] += spread[v];
    t.reached = t.reached || any_nonzero<Real>(kernel[v]);
  }
  return kHow != Exponents::kWatched || largest_of<Real>(cancelled) <= kExpanded<Real>;
}

template <class Real, int kVectors, Exponents kHow>
ERGON_ISA bool weigh(const Block<Real>& b, RowTile<Real, kVectors>& t) {
  return t.moments ? weigh<Real, kVectors, kHow, true>(b, t)
                   : weigh<Real, kVectors, kHow, false>(b, t);
}

// The pair of a particle with itself is put out of reach: its κ becomes zero.
template <class Real, int kVectors>
ERGON_ISA void leave_out_self(const PackedColumns<Real>& c,
                              Block<Real> b,
                              Real far,
                              RowTile<Real, kVectors>& t) {
  if (c.first_same < 0) return;
  Real* weights = reinterpret_cast<Real*>(t.weights);
  for (std::int64_t lane = 0; lane < t.count; ++lane) {
    const std::int64_t column = c.first_same + t.first + lane - b.first;
    if (column >= 0 && column < b.size)
      weights[column * kVectors * Lanes<Real>::kCount + lane] = far;
  }
}

// The largest |offset| of the columns of a block, +inf for one that overflowed.
template <class Real>
ERGON_ISA Real reach(const Real* offset, std::int64_t count) {
  Real largest = 0;
  for (std::int64_t j = 0; j < count; ++j)
    largest = -offset[j] > largest || offset[j] != offset[j] ? -offset[j] : largest;
  return largest;
}

// w_ij = κ (v_iᵀd) for each probe, and its sums with c h_j; transposed: u_ij = κ (c h_j + c β
// x_i)ᵀv_i with x_j.
template <class Real, int kVectors>
ERGON_ISA void add_products(const PackedColumns<Real>& c,
                            const Block<Real>& b,
                            PassScalars<Real> s,
                            std::int64_t probe,
                            RowTile<Real, kVectors>& t) {
  using Vector = VectorOf<Real>;
  const bool transposed = t.transposed != nullptr;
  const std::int64_t wide = s.dim * kVectors, padded = groups(s.dim) * kGroup;
  const Vector* vectors = t.vectors + probe * wide;
  const Real* left = transposed ? c.inner_pull : c.inner_points;
  panel_product<Real, kVectors, false>({left + b.first * s.dim, s.dim * kGroup, b.size}, vectors,
                                       s.dim, t.probe);
  Vector own[kVectors] = {}, sum[kVectors] = {};
  for (std::int64_t k = 0; k < s.dim; ++k)
    for (int v = 0; v < kVectors; ++v)
      own[v] = own[v] + vectors[k * kVectors + v] * t.points[k * kVectors + v];
  const Real sign = transposed ? Real(1) : Real(-1), own_factor = transposed ? s.scale * s.beta : 1;
  for (int v = 0; v < kVectors; ++v) own[v] *= own_factor;
  const Vector* kappa = t.weights;
  Vector* weight = t.probe;
  for (std::int64_t j = 0; j < b.size; ++j, kappa += kVectors, weight += kVectors) {
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const Vector value = kappa[v] * (own[v] + weight[v] * sign);
      weight[v] = value;
      sum[v] += value;
    }
  }
  for (int v = 0; v < kVectors; ++v) t.product_sum[probe * kVectors + v] += sum[v];
  const Real* right = transposed ? c.outer_points : c.outer_pull;
  Vector* out = (transposed ? t.transposed : t.products) + probe * wide;
  panel_product<Real, kVectors, true>({right + b.first * padded, b.size * kGroup, s.dim}, t.probe,
                                      b.size, out);
}

// All columns by expansion; false where it would not be accurate enough, with rubbish in the tile.
template <class Real, int kVectors>
ERGON_ISA bool sum_by_expansion(const PackedColumns<Real>& c,
                                PassScalars<Real> s,
                                std::int64_t probes,
                                RowTile<Real, kVectors>& t) {
  const std::int64_t padded = groups(s.dim) * kGroup;
  const Real own_reach = reach(reinterpret_cast<const Real*>(t.offset), t.count);
  const std::int64_t full = block_columns(s.dim);
  for (std::int64_t first = 0; first < c.count; first += full) {
    const std::int64_t size = c.count - first < full ? c.count - first : full;
    const Block<Real> b{first, size, s.beta * Real(1 / kLogTwo), c.offset + first,
                        c.moment + first};
    const Real terms = own_reach + reach(b.offset, size);
    if (!(terms < kFar<Real>)) return false;
    panel_product<Real, kVectors, false>({c.inner_points + first * s.dim, s.dim * kGroup, size},
                                         t.points, s.dim, t.weights);
    leave_out_self(c, b, -kFar<Real>, t);
    if (terms <= kExpanded<Real>) {
      weigh<Real, kVectors, Exponents::kSafe>(b, t);
    } else if (!weigh<Real, kVectors, Exponents::kWatched>(b, t)) {
      return false;
    }
    if (!t.reached) continue;
    if (t.velocity != nullptr)
      panel_product<Real, kVectors, true>({c.outer_pull + first * padded, size * kGroup, s.dim},
                                          t.weights, size, t.velocity);
    for (std::int64_t probe = 0; probe < probes; ++probe) add_products(c, b, s, probe, t);
  }
  return true;
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
