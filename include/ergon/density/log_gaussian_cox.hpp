#pragma once

#include <memory>
#include <string>

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// Posterior of a log-Gaussian Cox process on an M x M grid of cells of the unit square (Møller,
/// Syversen, Waagepetersen 1998, "Log Gaussian Cox processes"). With y_i of N
/// points in cell i, D = M² and unwhitened coordinates x (cell (row, column) is M row + column):
///   log p̄(x) = log N(x; μ 1, K) + Σ_i (y_i x_i - e^{x_i} / M²),
///   K_ij = s² exp(-‖c_i - c_j‖ / β),  s² = 1.91, β = 1/33, c_i the cells' places,  μ = log N -
///   s²/2,
/// the prior with its normaliser, the factorials y_i! left out as in the published benchmark.
/// Log-concave. Score, Hessian-vector product and Hessian are closed forms through K⁻¹, which is
/// computed once: memory 16 D² bytes.
class LogGaussianCox : public Target {
 public:
  /// counts (M, M): points per cell, at least one in all. Throws InvalidInput otherwise.
  LogGaussianCox(std::string name, const Tensor& counts, KnownAnswers known = {});

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return counts_.exact().size(0); }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  Tensor hessian(const Tensor& x) const override;
  KnownAnswers known() const override { return known_; }

  /// μ.
  double prior_mean() const { return prior_mean_; }
  /// Lower triangular L with L Lᵀ = K, (D, D) float64: x = μ + L z whitens the prior.
  const Tensor& prior_root() const { return prior_root_; }

 private:
  /// e^{x_i} / M², the points expected in every cell.
  Tensor intensity(const Tensor& x) const;

  std::string name_;
  KnownAnswers known_;
  Constant counts_;  ///< (D)
  double prior_mean_;
  Tensor prior_root_;
  Constant precision_;  ///< (D, D) K⁻¹
  double log_norm_;     ///< -(D log 2π + log|K|) / 2
};

/// Points of the unit square (N, 2) counted in M x M cells: row ⌊M first⌋, column ⌊M second⌋, a
/// coordinate of 1 in the last. (M, M) float64. Throws InvalidInput for points outside the square.
Tensor count_in_cells(const Tensor& points, std::int64_t cells_per_side);

/// The target `finnish-pines`: 126 trees, from the columns data_x and data_y of the options' data
/// file, or its only two. known().log_z = 501.70 (standard error 0.05, annealed importance
/// sampling) for the published points on 40 x 40 cells.
std::unique_ptr<Target> make_finnish_pines(const TargetOptions& options);

}  // namespace ergon
