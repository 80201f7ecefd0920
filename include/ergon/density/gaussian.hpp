#pragma once

#include <memory>
#include <string>

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// N(mean, covariance), normalised: log Z = 0, entropy = (D log 2πe + log|C|) / 2. Everything is
/// known and in closed form. `known().covariance` is left out above 2048 dimensions.
class Gaussian : public Target {
 public:
  /// mean (D); covariance (D, D) symmetric positive definite, or (D) for a diagonal one. Throws
  /// InvalidInput otherwise.
  Gaussian(std::string name, const Tensor& mean, const Tensor& covariance);

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return mean_.exact().size(0); }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  Tensor hessian(const Tensor& x) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;

 private:
  Tensor times_precision(const Tensor& rows) const;

  std::string name_;
  bool diagonal_;
  Constant mean_;       ///< (D)
  Tensor covariance_;   ///< (D) or (D, D), float64
  Tensor root_;         ///< L with L Lᵀ = C; its diagonal (D) if diagonal
  Constant precision_;  ///< C⁻¹, (D) or (D, D)
  double log_norm_;     ///< -(D log 2π + log|C|) / 2
};

/// The targets `gaussian`, `standard-normal`, `gaussian-worked` (the worked
/// example of MET-SVGD) and `gaussian-thin`. For `gaussian`, D is covariance-file's, else dim, else
/// the longest of mean and variances, else 2; a single number in mean or variances holds for every
/// coordinate.
std::unique_ptr<Target> make_gaussian(const TargetOptions& options);

}  // namespace ergon
