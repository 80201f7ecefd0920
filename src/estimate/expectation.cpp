#include "ergon/estimate/expectation.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "strata.hpp"

namespace ergon {
Expectation expectation_under_weights(const Tensor& values, const WeightedDraws& draws) {
  require(draws.log_weight.defined() && draws.log_weight.dim() == 1 && values.defined() &&
              values.dim() == 2 && values.size(0) == draws.log_weight.size(0) && values.size(0) > 0,
          "expectation_under_weights takes values of shape (n, K) and n log-weights, n at least 1");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Tensor log_weight = draws.log_weight.detach().to(at::kCPU, at::kDouble);
  const double scale = log_weight.max().item<double>();
  if (!std::isfinite(scale))
    throw NumericalFailure("every importance weight is zero, or one is not a number");
  const Tensor unscaled = (log_weight - scale).exp();
  const Tensor weight = (unscaled / unscaled.mean()).unsqueeze(1);
  const Tensor f = values.detach()
                       .to(at::kCPU, at::kDouble)
                       .masked_fill((log_weight == -kInfinity).unsqueeze(1), 0.0);
  Expectation result;
  result.mean = (weight * f).mean(0);
  const Tensor centred = f - result.mean;
  result.stddev = (weight * centred.square()).mean(0).sqrt();
  result.standard_error =
      stratified_errors(weight * centred, strata_of(draws.stratum, values.size(0)));
  return result;
}

}  // namespace ergon
