#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// Σ_k w_k N(m_k, s² I): isotropic Gaussians of one standard deviation, normalised (log Z = 0).
/// Closed forms through the responsibilities r_k(x) = w_k N(x; m_k, s² I) / p(x):
///   score = (Σ_k r_k m_k - x) / s²,   Hessian = Cov_r(m) / s⁴ - I / s².
/// Squared distances are taken from differences (memory n K D), so that float32 stays exact for
/// far-away components. Entropy: known for D <= 2 and up to 100 components, by the trapezoid rule
/// around every component (error below 1e-8).
class GaussianMixture : public Target {
 public:
  /// means (K, D); weights (K) positive, normalised here. Throws InvalidInput for other shapes or
  /// values.
  GaussianMixture(std::string name, const Tensor& means, const Tensor& weights, double stddev);

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return means_.exact().size(1); }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;
  std::optional<Tensor> modes() const override;

  /// (K, D) and (K), float64.
  const Tensor& means() const { return means_.exact(); }
  Tensor weights() const;
  double stddev() const { return stddev_; }

 private:
  Tensor log_joint(const Tensor& x) const;
  double entropy_by_quadrature() const;

  std::string name_;
  Constant means_;        ///< (K, D)
  Constant log_weights_;  ///< (K)
  double stddev_;
  mutable std::once_flag entropy_once_;
  mutable double entropy_ = 0.0;
};

/// The 40 x dim means of the GMM40 benchmark, U[-40, 40] by published_uniform. Float64 (40, dim).
Tensor gmm40_means(std::int64_t dim);

/// The targets `mixture-4`, `mixture-25`, `gmm40` and `mixture`.
std::unique_ptr<Target> make_mixture(const TargetOptions& options);

}  // namespace ergon
