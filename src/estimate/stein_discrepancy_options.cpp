#include "ergon/estimate/stein_discrepancy_options.hpp"

#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {

void SteinDiscrepancyOptions::validate() const {
  require(exponent > -1 && exponent < 0,
          "the exponent of the inverse multiquadric kernel must lie between -1 and 0, both "
          "excluded, got {}",
          exponent);
  require(!length_scale || (*length_scale > 0 && std::isfinite(*length_scale)),
          "the length scale of a Stein kernel must be positive, got {}",
          length_scale.value_or(0.0));
}

const std::vector<EnumName<SteinKernel>>& EnumNames<SteinKernel>::all() {
  static const std::vector<EnumName<SteinKernel>> names = {
      {SteinKernel::kInverseMultiquadric, "imq", "(c² + r²)^β, which sees mass that is missing"},
      {SteinKernel::kGaussian, "gaussian", "exp(-r²/2σ²)"}};
  return names;
}

}  // namespace ergon
