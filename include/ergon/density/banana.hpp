#pragma once

#include "ergon/density/target.hpp"

namespace ergon {

/// A twisted Gaussian: x1 ~ N(0, scale²), x2 | x1 ~ N(b (x1² - scale²), 1), x3..xD ~ N(0, 1),
/// normalised. Haario, Saksman, Tamminen (1999), "Adaptive proposal distribution for random walk
/// Metropolis algorithm", whose numbers are scale = 10 with |b| = 0.03 (mild) and 0.1 (strong);
/// ours, scale = 2 and b = 0.5, bend as much within reach of a N(0, I) start. Known: log Z = 0;
/// entropy (D log 2πe)/2 + log scale; mean 0; covariance diag(scale², 1 + 2 b² scale⁴, 1, ...);
/// sampler.
class Banana : public Target {
 public:
  /// dim >= 2, scale > 0; throws InvalidInput otherwise.
  explicit Banana(std::int64_t dim = 2, double scale = 2.0, double curvature = 0.5);

  std::string name() const override { return "banana"; }
  std::int64_t dim() const override { return dim_; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;

 private:
  /// b (x1² - scale²), the mean of x2.
  Tensor bend(const Tensor& x1) const;

  std::int64_t dim_;
  double scale_;
  double curvature_;
};

}  // namespace ergon
