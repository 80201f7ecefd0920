#pragma once

#include "ergon/density/target.hpp"

namespace ergon {

/// Lattice φ⁴ theory: a scalar field on an L x L torus, D = L² (row-major),
///   log p̄(φ) = -Σ_x [φ_x (4 φ_x - Σ_{nearest y} φ_y) + m² φ_x² + λ φ_x⁴],
/// a site that is its own or twice the same neighbour (L = 1, 2) counted each time. After
/// (Albergo, Kanwar, Shanahan 2019, "Flow-based generative models for Markov chain Monte
/// Carlo in lattice field theory"; annealed flow transport uses L = 14, m² = -4.75, λ = 5.1). log Z
/// is not known; mean 0, since φ and -φ are alike.
class Phi4 : public Target {
 public:
  /// side L >= 1, coupling λ > 0, mass_squared m² finite; throws InvalidInput otherwise.
  explicit Phi4(std::int64_t side = 14, double mass_squared = -4.75, double coupling = 5.1);

  std::string name() const override { return "phi4"; }
  std::int64_t dim() const override { return side_ * side_; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;

 private:
  /// (4 + m²) a_x - Σ_nearest a_y: the quadratic form of the action, (..., D) -> (..., D).
  Tensor quadratic(const Tensor& a) const;

  std::int64_t side_;
  double mass_squared_;
  double coupling_;
};

}  // namespace ergon
