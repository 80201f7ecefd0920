#include "ergon/estimate/expectation.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

// √(Σ_s n_s var_s) / n of every column of (n, K): the standard error of a stratified mean.
Tensor stratified_errors(const Tensor& columns, const Tensor& labels) {
  const auto n = columns.size(0);
  const Tensor stratum =
      labels.defined() ? std::get<1>(at::_unique2(labels.detach().to(at::kCPU), /*sorted=*/true,
                                                  /*return_inverse=*/true))
                       : at::zeros({n}, at::kLong);
  const Tensor sizes = at::bincount(stratum).to(at::kDouble).unsqueeze(1);
  const auto total = [&](const Tensor& values) {
    return at::zeros({sizes.size(0), columns.size(1)}, at::kDouble).index_add(0, stratum, values);
  };
  const Tensor centred = columns - (total(columns) / sizes).index_select(0, stratum);
  const Tensor variances = total(centred.square()) / (sizes - 1);
  return (sizes * variances).sum(0).sqrt() / static_cast<double>(n);
}

}  // namespace

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
  result.standard_error = stratified_errors(weight * centred, draws.stratum);
  return result;
}

}  // namespace ergon
