#pragma once

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// Germination of seeds on 21 plates, a logistic regression with a random effect per plate
/// (Crowder 1978; BUGS example "Seeds"). 26 unconstrained coordinates (u, a0,
/// a1, a2, a12, b_1..b_21):
///   τ = exp(u) ~ Gamma(0.01, rate 0.01), with the Jacobian of the logarithm;  a ~ N(0, 10²);  b_i
///   ~ N(0, 1/τ); r_i ~ Binomial(N_i, σ(a0 + a1 x1_i + a2 x2_i + a12 x1_i x2_i + b_i)), binomial
///   coefficient included.
/// known().log_z = -73.4060 is a computed reference (standard error 0.0008), not an exact value: a
/// trapezoid rule over u, and importance sampling over the other 25.
class Seeds : public Target {
 public:
  Seeds();

  std::string name() const override { return "seeds"; }
  std::int64_t dim() const override { return 26; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  KnownAnswers known() const override;

 private:
  Constant design_;      ///< (21, 4): 1, x1, x2, x1 x2
  Constant germinated_;  ///< (21) r_i
  Constant planted_;     ///< (21) N_i
  double log_norm_;      ///< everything that does not depend on the coordinates
};

}  // namespace ergon
