#pragma once

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// Brownian motion seen through noise, both scales unknown, the middle of the path unobserved
/// (Inference Gym, "BrownianMotionUnknownScalesMissingMiddleObservations").
/// 32 unconstrained coordinates (u_in, u_ob, x_0..x_29):
///   σ_in = softplus(u_in), σ_ob = softplus(u_ob), both LogNormal(0, 2), with the log-determinants
///   of the softplus; x_0 ~ N(0, σ_in²), x_t ~ N(x_{t-1}, σ_in²);  y_t ~ N(x_t, σ_ob²) for t = 0..9
///   and 20..29.
/// known().log_z = 1.18775 is a computed reference, not an exact value: the path is Gaussian given
/// the scales, which leaves a quadrature over two numbers (standard error 1e-6).
class Brownian : public Target {
 public:
  Brownian();

  std::string name() const override { return "brownian"; }
  std::int64_t dim() const override { return 32; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  KnownAnswers known() const override;

 private:
  Constant observed_;  ///< (30) y_t, 0 where nothing was seen
  Constant seen_;      ///< (30) 1 where y_t was seen, else 0
};

}  // namespace ergon
