#pragma once

#include <memory>
#include <string>

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// Equal weights on products of univariate Student's t with 2 degrees of freedom and scale 1,
///   p(x) = 1/K Σ_k Π_i t_2(x_i - m_ki),  t_2(z) = (1 + z²/2)^{-3/2} / (2√2),
/// the MoS benchmark. Normalised: log Z = 0. Known: mean; sampler, by the
/// quantile (2p - 1) / √(2p(1 - p)). The covariance is infinite. With r_k the responsibilities, s_k
/// and h_k the first and second derivatives of log t_2 by coordinate:
///   score s = Σ_k r_k s_k,   Hessian v = Σ_k r_k (h_k v + s_k (s_k·v)) - s (s·v).
class StudentTMixture : public Target {
 public:
  /// locations (K, D), finite; throws InvalidInput otherwise.
  StudentTMixture(std::string name, const Tensor& locations);

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return locations_.exact().size(1); }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;
  std::optional<Tensor> modes() const override;

 private:
  std::string name_;
  Constant locations_;  ///< (K, D)
};

/// The target `mixture-student-t`: locations from the options' means-file, else the published 10 x
/// dim numbers U[-10, 10] by published_uniform.
std::unique_ptr<Target> make_student_t_mixture(const TargetOptions& options);

}  // namespace ergon
