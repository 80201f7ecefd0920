#pragma once

#include "ergon/density/target.hpp"

namespace ergon {

/// Neal's funnel: x1 ~ N(0, scale²), x2..xD | x1 ~ N(0, exp(x1)) (variance), normalised. Neal
/// (2003), "Slice sampling", section 8; benchmarks use D = 10, scale = 3. Known: log Z = 0; entropy
/// (D log 2πe)/2 + log scale; mean 0; covariance diag(scale², exp(scale²/2), ...); sampler.
class Funnel : public Target {
 public:
  /// dim >= 2, scale > 0; throws InvalidInput otherwise.
  explicit Funnel(std::int64_t dim = 10, double scale = 3.0);

  std::string name() const override { return "funnel"; }
  std::int64_t dim() const override { return dim_; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;

 private:
  std::int64_t dim_;
  double scale_;
};

}  // namespace ergon
