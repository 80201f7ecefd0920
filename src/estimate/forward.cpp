#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <string>

#include "ergon/core/errors.hpp"
#include "ergon/estimate/importance.hpp"

namespace ergon {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double log_mean(const Tensor& logs) {
  return logs.logsumexp(0).item<double>() - std::log(static_cast<double>(logs.numel()));
}

// Of the mean of independent values (n).
double error_of_mean(const Tensor& values) {
  return values.std(/*unbiased=*/true).item<double>() /
         std::sqrt(static_cast<double>(values.numel()));
}

}  // namespace

ForwardEstimates forward_estimates(const Tensor& log_weights_at_exact_draws) {
  const Tensor& given = log_weights_at_exact_draws;
  require(given.defined() && given.dim() == 1 && given.numel() >= 2,
          "forward_estimates takes log-weights of shape (n), n at least 2");
  ForwardEstimates result;
  result.eubo = evidence_upper_bound(given);  // refuses NaN and -inf
  const Tensor log_weight = given.detach().to(at::kCPU, at::kDouble);
  if ((log_weight == kInfinity).all().item<bool>())
    throw NumericalFailure(
        "the proposal's density is zero at every exact draw of the target: the two share no draw, "
        "so there is no forward estimate; move or widen the proposal");
  const auto n = log_weight.numel();
  const std::string method = fmt::format("weights at {} exact draws", n);

  const double log_z = -log_mean(-log_weight);        // (D10)
  const Tensor inverse = (log_z - log_weight).exp();  // Ẑ/w, mean 1
  const double log_z_error = error_of_mean(inverse);
  result.log_z = {log_z, log_z_error, method, interval_around(log_z, log_z_error)};
  result.draws = n;

  const double log_mean_weight = log_mean(log_weight);
  if (std::isinf(log_mean_weight)) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    result.ess_share = {0.0, none, method, {}};
    return result;
  }
  const double share = std::exp(log_z - log_mean_weight);  // (D11)
  const Tensor weight = (log_weight - log_mean_weight).exp();
  const double error = share * error_of_mean(weight + inverse);  // (D12)
  result.ess_share = {share, error, method, interval_around(share, error)};
  return result;
}

}  // namespace ergon
