#pragma once

#include "ergon/density/target.hpp"

namespace ergon {

/// 2^D equal Gaussians of covariance s² I at the corners {-1, 1}^D, normalised. It is a product of
/// D equal mixtures on the line, which costs O(D) instead of O(2^D):
///   log p(x) = Σ_i [log cosh(x_i / s²) - (x_i² + 1) / (2 s²) - log(2π s²) / 2].
/// The defaults are the `mixture-64` of the path-gradient papers, where s²
/// = 0.5 is the covariance although the code calls it a scale. Known: log Z = 0; entropy by
/// quadrature on the line; mean 0; covariance (1 + s²) I; sampler.
class HypercubeMixture : public Target {
 public:
  /// dim >= 1, variance s² > 0; throws InvalidInput otherwise.
  explicit HypercubeMixture(std::int64_t dim = 6, double variance = 0.5);

  std::string name() const override { return "mixture-64"; }
  std::int64_t dim() const override { return dim_; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;
  /// The corners, for D <= 10.
  std::optional<Tensor> modes() const override;

 private:
  std::int64_t dim_;
  double variance_;
};

}  // namespace ergon
