#include "ergon/estimate/estimate.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

// Live values of every set: numbers with zeros for dropped particles, and the mask, (R, M) float64.
struct Masked {
  Tensor values;
  Tensor mask;
};

Masked masked(const Tensor& values, const Tensor& alive) {
  ERGON_CHECK(values.dim() == 2, "estimates are taken over (sets, particles), got {} dimensions",
              values.dim());
  const Tensor numbers = values.detach().to(at::kDouble);
  if (!alive.defined()) return {numbers, at::ones_like(numbers)};
  return {at::where(alive, numbers, at::zeros_like(numbers)), alive.to(at::kDouble)};
}

// log of the mean weight over the particles where the mask is 1.
double log_mean_weight(const Tensor& log_weights, const Tensor& mask) {
  const Tensor live = log_weights.masked_fill(mask == 0, -std::numeric_limits<double>::infinity());
  return live.flatten().logsumexp(0).item<double>() - std::log(mask.sum().item<double>());
}

}  // namespace

Estimate mean_over_sets(const Tensor& values, const Tensor& alive) {
  const auto [numbers, mask] = masked(values, alive);
  const auto sets = numbers.size(0);
  if (sets >= 2) {
    const Tensor means = numbers.sum(1) / mask.sum(1);
    const double error =
        means.std(/*unbiased=*/true).item<double>() / std::sqrt(static_cast<double>(sets));
    const double mean = means.mean().item<double>();
    return {mean, error, fmt::format("mean over {} sets of particles", sets),
            interval_around(mean, error, sets - 1)};
  }
  const double count = mask.sum().item<double>();
  const double mean = numbers.sum().item<double>() / count;
  const double variance =
      ((numbers - mean).pow(2) * mask).sum().item<double>() / std::max(count - 1, 1.0);
  const double error = std::sqrt(variance / count);
  return {mean, error, "mean over one set, particles taken as independent",
          interval_around(mean, error)};
}

Estimate log_z_importance(const Tensor& log_weights, const Tensor& alive) {
  const auto [numbers, mask] = masked(log_weights, alive);
  const double value = log_mean_weight(numbers, mask);
  const auto sets = numbers.size(0);
  if (sets < 2) {
    const double ess = importance_ess_share(log_weights, alive);
    const double count = mask.sum().item<double>();
    const double error = std::sqrt(std::max(1 / ess - 1, 0.0) / count);
    return {value, error, "importance weights of one set, particles taken as independent",
            interval_around(value, error)};
  }
  // Jackknife: recompute without one set at a time.
  Tensor without = at::empty({sets}, at::kDouble);
  for (std::int64_t set = 0; set < sets; ++set) {
    Tensor kept = mask.clone();
    kept[set].zero_();
    without[set] = log_mean_weight(numbers, kept);
  }
  const double spread = (without - without.mean()).pow(2).sum().item<double>();
  const double error =
      std::sqrt(spread * static_cast<double>(sets - 1) / static_cast<double>(sets));
  return {value, error,
          fmt::format("importance weights, jackknife over {} sets of particles", sets),
          interval_around(value, error, sets - 1)};
}

double importance_ess_share(const Tensor& log_weights, const Tensor& alive) {
  const auto [numbers, mask] = masked(log_weights, alive);
  return std::exp(2 * log_mean_weight(numbers, mask) - log_mean_weight(2 * numbers, mask));
}

}  // namespace ergon
