// Needs direct.hpp and gradients.hpp: the derivatives of a pass in one to four dimensions.
namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

// One vector of rows with their gradients.
template <class Real, int kDim>
struct DirectGradientRows {
  VectorOf<Real> x[kDim];
  VectorOf<Real> score[kDim];
  VectorOf<Real> upward[kDim];  // c F̄
  VectorOf<Real> trace;         // c T̄
  VectorOf<Real> kernel;        // c K̄
  VectorOf<Real> x_grad[kDim];
  VectorOf<Real> score_grad[kDim];
  std::int64_t same;  // the column that is lane 0
};

// With e = x_i - x_j and w = c F̄_i - c F̄_j - c T̄_i s_j + c T̄_j s_i:
//   ψ = c F̄_iᵀs_j + c F̄_jᵀs_i + β wᵀe + c (T̄_i + T̄_j) (β D - β² ‖e‖²) + c K̄_i + c K̄_j,
//   x̄_i = Σ β κ [w - (ψ + 2β c (T̄_i + T̄_j)) e],  s̄_i = c F̄_i + Σ κ [c F̄_j + β c T̄_j e].
template <class Real, int kDim, bool kTrace>
ERGON_ISA void differentiate_rows(const PackedUpstream<Real>& p,
                                  const PassUpstream<Real>& u,
                                  PassScalars<Real> s,
                                  DirectGradientRows<Real, kDim>& r) {
  using Vector = VectorOf<Real>;
  const Real factor = s.beta * Real(-0.5 / kLogTwo), beta = s.beta;
  const Real *point = u.points, *score = u.score, *upward = p.upward;
  DirectGradientRows<Real, kDim> own = r;
  Vector x_grad[kDim] = {}, score_grad[kDim] = {};
  for (std::int64_t j = 0; j < u.count; ++j, point += kDim, score += kDim, upward += kDim) {
    Vector e[kDim], w[kDim], squared = {}, inner = {};
    Vector psi = own.kernel + p.kernel[j];
    ERGON_UNROLL
    for (int k = 0; k < kDim; ++k) {
      e[k] = own.x[k] - point[k];
      w[k] = own.upward[k] - upward[k];
      if (kTrace) w[k] = w[k] - own.trace * score[k] + own.score[k] * p.trace[j];
      squared = squared + e[k] * e[k];
      inner = inner + w[k] * e[k];
      psi = psi + own.upward[k] * score[k] + own.score[k] * upward[k];
    }
    psi = psi + inner * beta;
    if (kTrace) {
      const Vector both = own.trace + p.trace[j];
      psi = psi + both * ((Real(kDim) * beta + Real(2) * beta) - squared * (beta * beta));
    }
    const Vector kappa = kernel_of<Real>(squared, factor, j - own.same), pull = kappa * beta;
    ERGON_UNROLL
    for (int k = 0; k < kDim; ++k) {
      x_grad[k] = x_grad[k] + pull * (w[k] - psi * e[k]);
      score_grad[k] = score_grad[k] + kappa * upward[k];
      if (kTrace) score_grad[k] = score_grad[k] + pull * e[k] * p.trace[j];
    }
  }
  for (int k = 0; k < kDim; ++k) {
    r.x_grad[k] = x_grad[k];
    r.score_grad[k] = score_grad[k] + own.upward[k];
  }
}

template <class Real, int kVectors, int kDim>
ERGON_ISA void differentiate_tile(const PackedUpstream<Real>& p,
                                  const PassUpstream<Real>& u,
                                  PassScalars<Real> s,
                                  GradientTile<Real, kVectors>& t) {
  gather_tile<Real, kVectors>(u.score + t.base.first * kDim, t.base.count, kDim, t.score);
  gather_tile<Real, kVectors>(p.upward + t.base.first * kDim, t.base.count, kDim, t.upward);
  VectorOf<Real> kernel[kVectors];
  gather_numbers(p.kernel, t, Real(0), kernel);
  for (int v = 0; v < kVectors; ++v) {
    DirectGradientRows<Real, kDim> r;
    for (int k = 0; k < kDim; ++k) {
      r.x[k] = t.base.points[k * kVectors + v];
      r.score[k] = t.score[k * kVectors + v];
      r.upward[k] = t.upward[k * kVectors + v];
    }
    r.trace = t.trace[v];
    r.kernel = kernel[v];
    r.same = t.base.first + v * Lanes<Real>::kCount;
    if (u.trace_grad != nullptr) {
      differentiate_rows<Real, kDim, true>(p, u, s, r);
    } else {
      differentiate_rows<Real, kDim, false>(p, u, s, r);
    }
    for (int k = 0; k < kDim; ++k) {
      t.point_sum[k * kVectors + v] = r.x_grad[k];
      t.mixed_sum[k * kVectors + v] = r.score_grad[k];
    }
  }
}

// In one to four dimensions; false in more. The gradients are in point_sum and mixed_sum.
template <class Real, int kVectors>
ERGON_ISA bool differentiate_directly(const PackedUpstream<Real>& p,
                                      const PassUpstream<Real>& u,
                                      PassScalars<Real> s,
                                      GradientTile<Real, kVectors>& t) {
  if (s.dim == 1) differentiate_tile<Real, kVectors, 1>(p, u, s, t);
  if (s.dim == 2) differentiate_tile<Real, kVectors, 2>(p, u, s, t);
  if (s.dim == 3) differentiate_tile<Real, kVectors, 3>(p, u, s, t);
  if (s.dim == 4) differentiate_tile<Real, kVectors, 4>(p, u, s, t);
  return s.dim <= kDirectDim;
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
