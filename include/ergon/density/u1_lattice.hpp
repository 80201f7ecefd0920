#pragma once

#include "ergon/density/target.hpp"

namespace ergon {

/// U(1) gauge theory in two dimensions: an angle θ_μ(x) on each of the 2 L² links of an L x L
/// torus,
///   log p̄(θ) = β Σ_x cos P(x),  P(x) = θ_0(x) + θ_1(x + e_0) - θ_0(x + e_1) - θ_1(x)
/// (lattice gauge theory in two dimensions). Angles live on a circle, so that this has no
/// normaliser on R^D. The target is the same distribution in coordinates u in R^D, θ = 2π σ(u) - π,
/// with the log-determinant Σ log 2π σ(u) σ(-u) added: proper, smooth, its mass and log Z those of
/// the angles in [-π, π)^D. At β = 0 it is D logistic distributions. θ = ±π, one point of the
/// circle, lies at u = ±∞: a sampler of u cannot step across it. D = 2 L²: u of direction 0 (to the
/// next row) in row-major order, then those of direction 1 (to the next column). Known, in closed
/// form by the characters of U(1): log Z = D log 2π + log Σ_n I_n(β)^{L²}; entropy; mean 0;
/// covariance π²/3 I (by gauge invariance every link, and every pair of links, is uniform).
class U1Lattice : public Target {
 public:
  /// side L >= 1, beta β >= 0; throws InvalidInput otherwise.
  explicit U1Lattice(std::int64_t side = 8, double beta = 1.0);

  std::string name() const override { return "u1-lattice"; }
  std::int64_t dim() const override { return 2 * side_ * side_; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;

  /// θ in [-π, π], (..., D) -> (..., D).
  Tensor angles(const Tensor& x) const;
  /// P, not reduced to [-π, π): (..., D) -> (..., L, L), linear in the angles.
  Tensor plaquettes(const Tensor& angles) const;
  /// E[cos P], (d log Z / dβ) / L².
  double mean_plaquette() const;

 private:
  /// plaquettes' transpose, (..., L, L) -> (..., D).
  Tensor to_links(const Tensor& by_plaquette) const;

  std::int64_t side_;
  double beta_;
};

}  // namespace ergon
