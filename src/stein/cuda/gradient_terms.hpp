#pragma once

#include "pair_terms.hpp"

namespace ergon::stein::cuda {

/// The derivatives of a function of velocity F, trace T and kernel sums K through points, score and
/// β, given its gradients F̄, T̄, K̄ (times c). With ψ = ψ_ij + ψ_ji,
///   ψ  = F̄_iᵀs_j + F̄_jᵀs_i + βq + (T̄_i + T̄_j)(βD - β²r²) + K̄_i + K̄_j,
///   q  = (F̄_i - F̄_j - T̄_i s_j + T̄_j s_i)ᵀd,
///   x̄_i = Σ κ [ωd + β(F̄_i - F̄_j) - β(T̄_i s_j - T̄_j s_i)],  ω = -βψ - 2β²(T̄_i + T̄_j),
///   s̄_i = F̄_i + Σ κ [F̄_j + βT̄_j d],
///   β̄  = ½ Σ_i Σ κ [-r²ψ/2 + q + (T̄_i + T̄_j)(D - 2βr²)].
template <class Number>
struct GradientTerms {
  using Real = Number;
  using Arrays = GradientArrays<Real>;
  static constexpr int kRows = 3, kPairRows = 3, kColumns = 3, kPairColumns = 3;
  static constexpr int kScalars = 2, kPair = 3, kWeights = 2, kOutputs = 2, kRowSums = 3;

  ERGON_DEVICE GradientTerms(const Arrays& a, const SlabPlace& at) {
    const auto count = a.particles.count;
    const auto matrix = count * a.particles.dim;
    rows[0] = columns[0] = a.particles.points + at.set * matrix;
    rows[1] = columns[1] = a.particles.score + at.set * matrix;
    rows[2] = columns[2] = a.velocity_grad + at.set * matrix;
    scalars[0] = a.trace_grad ? a.trace_grad + at.set * count : nullptr;
    scalars[1] = a.kernel_grad ? a.kernel_grad + at.set * count : nullptr;
    outputs[0] = a.points_grad + at.slab * matrix;
    outputs[1] = a.score_grad + at.slab * matrix;
    row_outputs[0] = a.beta_grad + at.slab * count;
    row_outputs[1] = row_outputs[2] = nullptr;
    beta = a.particles.beta[at.set];
    dim = Real(a.particles.dim);
    self = at.first ? Real(1) : Real(0);
  }
  // r², F̄_iᵀs_j + F̄_jᵀs_i, q
  ERGON_DEVICE void inner(const Real* row,
                          const Real* column,
                          PairScalars<Real> of,
                          Real* pair) const {
    const Real d = row[0] - column[0];
    pair[0] += d * d;
    pair[1] += row[2] * column[1];
    pair[1] += column[2] * row[1];
    pair[2] += (row[2] - column[2] - of.row[0] * column[1] + of.column[0] * row[1]) * d;
  }
  ERGON_DEVICE void weigh(const Real* pair, PairScalars<Real> of, Real* weight, Real* sums) const {
    const Real kernel = pair_kernel(beta, pair[0]);
    if (kernel == 0) return;
    const Real trace_grad = of.row[0] + of.column[0];
    const Real reach = beta * pair[0];  // βr²
    const Real psi =
        pair[1] + beta * pair[2] + trace_grad * beta * (dim - reach) + of.row[1] + of.column[1];
    weight[0] = kernel;
    weight[1] = -beta * kernel * (psi + 2 * beta * trace_grad);
    sums[0] += Real(0.5) * kernel *
               (Real(-0.5) * pair[0] * psi + pair[2] + trace_grad * (dim - 2 * reach));
    sums[1] += kernel;
    sums[2] += kernel * of.column[0];
  }
  ERGON_DEVICE void add(
      const Real* weight, const Real* column, Real d, PairScalars<Real> of, Real* sum) const {
    sum[0] += weight[1] * d;
    sum[0] -= beta * weight[0] * (column[2] + of.row[0] * column[1]);
    sum[1] += weight[0] * column[2];
    sum[1] += weight[0] * beta * of.column[0] * d;
  }
  ERGON_DEVICE void finish(const Real* row, const Real* sums, Real* sum) const {
    sum[0] += beta * (sums[1] * row[2] + sums[2] * row[1]);
    sum[1] += self * row[2];
  }

  const Real* rows[kRows];
  const Real* columns[kColumns];
  const Real* scalars[2];
  Real* outputs[kOutputs];
  Real* row_outputs[kRowSums];
  Real beta, dim, self;
  static constexpr Real scale = 1;
};

}  // namespace ergon::stein::cuda
