// Needs differences.hpp: the derivatives of a pass by expansion, (3b). With e = x_i - x_j,
//   ψ = U_iᵀh_j + h_iᵀU_j + A_i + A_j + c T̄_i B_j + c T̄_j B_i - β²/2 c (T̄_i + T̄_j) ‖e‖²
// is what both pairs (i, j) and (j, i) contribute to L over κ, and
//   ω = κ [-β ψ - β² c (T̄_i + T̄_j)],
//   x̄_i = (Σω - β² Σκ c (T̄_i + T̄_j)) x_i + β c F̄_i Σκ + β s_i Σκ c T̄_j - β c T̄_i Σκ h_j - β Σκ U_j
//   - Σω x_j, s̄_i = c F̄_i + Σκ U_j + β x_i Σκ c T̄_j.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// A tile of rows of a backward pass; arrays are [dim][kVectors].
template <class Real, int kVectors>
struct GradientTile {
  RowTile<Real, kVectors> base;  // first, count, points, weights, offset, kernel
  VectorOf<Real>* mixed;         // U_i, and behind it
  VectorOf<Real>* pull;          // h_i
  VectorOf<Real>* mixed_sum;     // Σ κ U_j, or by differences s̄_i
  VectorOf<Real>* point_sum;     // Σ ω x_j, or by differences x̄_i
  VectorOf<Real>* score;         // s_i and
  VectorOf<Real>* upward;        // c F̄_i, for differences
  VectorOf<Real> own[kVectors];
  VectorOf<Real> cross[kVectors];
  VectorOf<Real> trace[kVectors];
  VectorOf<Real> weight_sum[kVectors];  // Σ ω
  VectorOf<Real> trace_sum[kVectors];   // Σ κ c T̄_j
};

// The set as columns that nothing is packed of.
template <class Real>
ERGON_ISA PackedColumns<Real> columns_of(const PassUpstream<Real>& u) {
  return {u.points, u.score, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, u.count, 0};
}

// Numbers of the tile's rows as lanes; `spare` in lanes without a row.
template <class Real, int kVectors>
ERGON_ISA void gather_numbers(const Real* numbers,
                              const GradientTile<Real, kVectors>& t,
                              Real spare,
                              VectorOf<Real>* out) {
  Real* lanes = reinterpret_cast<Real*>(out);
  for (std::int64_t lane = 0; lane < kVectors * Lanes<Real>::kCount; ++lane)
    lanes[lane] = lane < t.base.count ? numbers[t.base.first + lane] : spare;
}

// A block of columns of a backward pass.
template <class Real>
struct GradientBlock {
  const Real* offset;
  const Real* own;
  const Real* cross;
  const Real* trace;
  std::int64_t size;
  Real beta;
};

// Exponents in base.weights and U_iᵀh_j + h_iᵀU_j in base.probe become κ and ω.
template <class Real, int kVectors, Exponents kHow, bool kTrace>
ERGON_ISA bool weigh_gradients(const GradientBlock<Real>& b, GradientTile<Real, kVectors>& t) {
  using Vector = VectorOf<Real>;
  const Vector lowest = Vector{} + PowerOfTwo<Real>::kLowest;
  const Real factor = b.beta * Real(1 / kLogTwo), spread = b.beta * Real(kLogTwo);
  Vector offset[kVectors], own[kVectors], cross[kVectors], trace[kVectors];
  Vector cancelled = {}, kernel[kVectors] = {}, sum[kVectors] = {}, trace_sum[kVectors] = {};
  for (int v = 0; v < kVectors; ++v) {
    offset[v] = t.base.offset[v], own[v] = t.own[v];
    cross[v] = t.cross[v], trace[v] = t.trace[v];
  }
  Vector *weight = t.base.weights, *psi = t.base.probe;
  for (std::int64_t j = 0; j < b.size; ++j, weight += kVectors, psi += kVectors) {
    ERGON_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const Vector terms = offset[v] + b.offset[j];
      Vector power = weight[v] * factor + terms;
      if (kHow == Exponents::kWatched) cancelled = watch<Real>(power, terms, cancelled);
      power = lowest > power ? lowest : power;
      const Vector kappa = power_of_two<Real>(power);
      Vector sym = psi[v] + (own[v] + b.own[j]);
      if (kTrace) {
        const Vector both = trace[v] + b.trace[j];  // ‖e‖² = -(2 log 2 / β) power
        sym = sym + trace[v] * b.cross[j] + cross[v] * b.trace[j];
        sym = sym + both * (power * spread + b.beta);
        trace_sum[v] = trace_sum[v] + kappa * b.trace[j];
      }
      const Vector omega = kappa * (sym * -b.beta);
      weight[v] = kappa;
      psi[v] = omega;
      kernel[v] += kappa;
      sum[v] += omega;
    }
  }
  t.base.reached = false;
  for (int v = 0; v < kVectors; ++v) {
    t.base.kernel[v] += kernel[v];
    t.weight_sum[v] += sum[v];
    t.trace_sum[v] += trace_sum[v];
    t.base.reached = t.base.reached || any_nonzero<Real>(kernel[v]);
  }
  return kHow != Exponents::kWatched || largest_of<Real>(cancelled) <= kExpanded<Real>;
}

template <class Real, int kVectors>
ERGON_ISA bool weigh_gradients(const GradientBlock<Real>& b,
                               bool safe,
                               bool trace,
                               GradientTile<Real, kVectors>& t) {
  constexpr auto kSafe = Exponents::kSafe, kWatched = Exponents::kWatched;
  if (safe && trace) return weigh_gradients<Real, kVectors, kSafe, true>(b, t);
  if (safe) return weigh_gradients<Real, kVectors, kSafe, false>(b, t);
  if (trace) return weigh_gradients<Real, kVectors, kWatched, true>(b, t);
  return weigh_gradients<Real, kVectors, kWatched, false>(b, t);
}

// All columns by expansion; false where it would not be accurate enough, with rubbish in the tile.
template <class Real, int kVectors>
ERGON_ISA bool differentiate_by_expansion(const PackedUpstream<Real>& p,
                                          const PassUpstream<Real>& u,
                                          PassScalars<Real> s,
                                          GradientTile<Real, kVectors>& t) {
  const std::int64_t padded = groups(s.dim) * kGroup, group = s.dim * kGroup;
  RowTile<Real, kVectors>& base = t.base;
  const Real own_reach = reach(reinterpret_cast<const Real*>(base.offset), base.count);
  const PackedColumns<Real> self = columns_of(u);
  const std::int64_t full = block_columns(s.dim);
  for (std::int64_t first = 0; first < u.count; first += full) {
    const std::int64_t size = u.count - first < full ? u.count - first : full;
    const Real terms = own_reach + reach(p.offset + first, size);
    if (!(terms < kFar<Real>)) return false;
    const std::int64_t in = first * s.dim, out = first * padded;
    panel_product<Real, kVectors, false>({p.inner_points + in, group, size}, base.points, s.dim,
                                         base.weights);
    panel_product<Real, kVectors, false>({p.inner_both + 2 * in, 2 * group, size}, t.mixed,
                                         2 * s.dim, base.probe);
    leave_out_self(self, {first, size, 0, nullptr, nullptr}, -kFar<Real>, base);
    const GradientBlock<Real> b{p.offset + first, p.own + first, p.cross + first,
                                p.trace + first,  size,          s.beta};
    if (!weigh_gradients(b, terms <= kExpanded<Real>, u.trace_grad != nullptr, t)) return false;
    if (!base.reached) continue;
    panel_product<Real, kVectors, true>({p.outer_mixed + out, size * kGroup, s.dim}, base.weights,
                                        size, t.mixed_sum);
    panel_product<Real, kVectors, true>({p.outer_points + out, size * kGroup, s.dim}, base.probe,
                                        size, t.point_sum);
  }
  return true;
}

// x̄_i and s̄_i of the tile's rows from the expanded sums.
template <class Real, int kVectors>
ERGON_ISA void store_gradients(const PackedUpstream<Real>& p,
                               const PassUpstream<Real>& u,
                               PassScalars<Real> s,
                               const PassGradients<Real>& out,
                               const GradientTile<Real, kVectors>& t) {
  constexpr std::int64_t kLanes = kVectors * Lanes<Real>::kCount;
  const Real* kernels = reinterpret_cast<const Real*>(t.base.kernel);
  const Real* weights = reinterpret_cast<const Real*>(t.weight_sum);
  const Real* traces = reinterpret_cast<const Real*>(t.trace_sum);
  const Real* mixed_sum = reinterpret_cast<const Real*>(t.mixed_sum);
  const Real* point_sum = reinterpret_cast<const Real*>(t.point_sum);
  for (std::int64_t lane = 0; lane < t.base.count; ++lane) {
    const std::int64_t i = t.base.first + lane;
    const Real kernel = kernels[lane], trace = traces[lane], own = p.trace[i];
    const Real stretch = weights[lane] - s.beta * s.beta * (own * kernel + trace);
    for (std::int64_t k = 0; k < s.dim; ++k) {
      const std::int64_t at = i * s.dim + k;
      const Real x = p.points[at], upward = p.upward[at];
      const Real mixed = mixed_sum[k * kLanes + lane];
      Real gradient = s.beta * (upward * kernel - mixed + u.score[at] * trace) + stretch * x -
                      point_sum[k * kLanes + lane];
      if (u.trace_grad != nullptr) {  // Σ κ h_j, out of the velocity
        const Real pull_sum = u.velocity[at] / s.scale - u.score[at] - s.beta * kernel * x;
        if (kernel > 0) gradient -= s.beta * own * pull_sum;
      }
      out.points[at] = gradient;
      out.score[at] = upward + mixed + s.beta * trace * x;
    }
  }
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
