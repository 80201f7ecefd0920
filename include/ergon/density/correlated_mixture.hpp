#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// 1/K Σ_k N(m_k, C_k): equal Gaussians with covariances of their own, normalised (log Z = 0). With
/// P_k = C_k⁻¹, s_k = P_k (m_k - x) and the responsibilities r_k:
///   score s = Σ_k r_k s_k,   Hessian v = Σ_k r_k (s_k (s_k·v) - P_k v) - s (s·v).
/// Known: mean, covariance, sampler; in the plane the entropy, by the trapezoid rule on one grid
/// whose step is a seventh of the smallest standard deviation (error below 1e-8).
class CorrelatedMixture : public Target {
 public:
  /// means (K, D), covariances (K, D, D) symmetric positive definite; throws InvalidInput
  /// otherwise.
  CorrelatedMixture(std::string name, const Tensor& means, const Tensor& covariances);

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return means_.exact().size(1); }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;
  std::optional<Tensor> modes() const override;

 private:
  /// s_k, (..., n, K, D), and log p(x, k), (..., n, K).
  struct Components {
    Tensor scores;
    Tensor log_joint;
  };
  Components components(const Tensor& x) const;
  double entropy_by_quadrature() const;

  std::string name_;
  Constant means_;        ///< (K, D)
  Tensor covariances_;    ///< (K, D, D) float64
  Tensor roots_;          ///< (K, D, D) lower triangular
  Constant precisions_;   ///< (K, D, D)
  Constant log_weights_;  ///< (K) -log K - (D log 2π + log|C_k|) / 2
  mutable std::once_flag entropy_once_;
  mutable double entropy_ = 0.0;
};

/// The target `challenging-mixture` of the annealed flow transport papers (Arbel, Matthews, Doucet
/// 2021): N((3, 0), diag(.7, .05)), N((-2.5, 0), diag(.7, .05)), N((2, 3), [[1, .95], [.95, 1]])
/// and their mirror images under swapping the two coordinates, 1/6 each.
std::unique_ptr<Target> make_challenging_mixture(const TargetOptions& options);

}  // namespace ergon
