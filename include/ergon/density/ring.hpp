#pragma once

#include "ergon/density/target.hpp"

namespace ergon {

/// A ring in the plane: log p̄(x) = -(|x| - radius)² / (2 stddev²), unnormalised. In polar
/// coordinates the radius has density proportional to r exp(-(r - radius)² / (2 stddev²)), r > 0:
/// the Jacobian r belongs to it, and the sampler draws from it (a known benchmark forgets
/// it). Known: log Z and entropy by quadrature over r; mean 0; covariance E[r²]/2
/// I; sampler. Not differentiable at the origin, where the score is set to 0.
class Ring : public Target {
 public:
  /// radius > 0, stddev > 0; throws InvalidInput otherwise.
  explicit Ring(double radius = 3.0, double stddev = 0.25);

  std::string name() const override { return "ring"; }
  std::int64_t dim() const override { return 2; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;

 private:
  double radius_;
  double stddev_;
};

}  // namespace ergon
