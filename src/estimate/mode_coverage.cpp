#include "ergon/estimate/mode_coverage.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "ergon/core/errors.hpp"
#include "pair_moments.hpp"

namespace ergon {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// (K) float64 that sum to 1.
Tensor checked_weights(const Tensor& weights, std::int64_t modes) {
  if (!weights.defined()) return at::full({modes}, 1.0 / static_cast<double>(modes), at::kDouble);
  require(weights.dim() == 1 && weights.size(0) == modes,
          "mode_coverage takes one weight for each of the {} modes", modes);
  const Tensor numbers = weights.detach().to(at::kCPU, at::kDouble);
  const double total = numbers.sum().item<double>();
  require((numbers >= 0).all().item<bool>() && total > 0 && std::isfinite(total),
          "the weights of modes must be finite, not below 0 and not all 0");
  return numbers / total;
}

// Standard error of a smooth function of multinomial shares, g its derivatives (D21).
double multinomial_error(const Tensor& shares, const Tensor& derivatives, double draws) {
  const double mean = (shares * derivatives).sum().item<double>();
  const double variance = (shares * (derivatives - mean).square()).sum().item<double>();
  return std::sqrt(variance / draws);
}

Estimate multinomial_estimate(double value, double error, double draws) {
  return {value, error, fmt::format("shares of draws worth {:.0f} independent ones", draws),
          interval_around(value, error)};
}

// E|X/n - w| for X ~ Binomial(n, w), De Moivre's closed form (D23); n is a whole number.
double mean_absolute_deviation(double weight, double n) {
  if (weight <= 0 || weight >= 1) return 0;
  const double k = std::floor(n * weight) + 1;
  const double log_term = std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
                          k * std::log(weight) + (n - k + 1) * std::log1p(-weight);
  return 2 * k / n * std::exp(log_term);
}

double floor_of_total_variation(const Tensor& weights, double draws) {
  const double whole = std::max(std::round(draws), 1.0);
  double sum = 0;
  for (std::int64_t mode = 0; mode < weights.numel(); ++mode)
    sum += mean_absolute_deviation(weights[mode].item<double>(), whole);
  return sum / 2;
}

// -Σ f log f of shares that may be 0.
double entropy_of(const Tensor& shares) { return -at::xlogy(shares, shares).sum().item<double>(); }

Estimate entropic_coverage(const Tensor& shares, double draws) {
  if (shares.numel() == 1) return multinomial_estimate(1.0, 0.0, draws);
  const double log_modes = std::log(static_cast<double>(shares.numel()));
  const Tensor logs = at::xlogy((shares > 0).to(at::kDouble), shares);  // log f, 0 where f is
  return multinomial_estimate(entropy_of(shares) / log_modes,
                              multinomial_error(shares, logs / log_modes, draws), draws);
}

Estimate divergence(const Tensor& shares, const Tensor& weights, double draws) {
  const Tensor visited = shares > 0;
  if ((visited & (weights == 0)).any().item<bool>())
    return multinomial_estimate(std::numeric_limits<double>::infinity(), kNaN, draws);
  const Tensor logs = at::where(visited, (shares / weights).log(), at::zeros_like(shares));
  return multinomial_estimate((shares * logs).sum().item<double>(),
                              multinomial_error(shares, logs, draws), draws);
}

}  // namespace

Tensor nearest_modes(const Tensor& draws, const Tensor& modes) {
  const Tensor x = checked_draws(draws, "nearest_modes", 1);
  require(modes.defined() && modes.dim() == 2 && modes.size(0) >= 1 && modes.size(1) == x.size(1),
          "nearest_modes takes modes of shape (K, {}), K at least 1", x.size(1));
  const Tensor centres = modes.detach().to(at::kCPU, at::kDouble);
  require(centres.isfinite().all().item<bool>(), "nearest_modes got a mode that is not finite");
  Tensor nearest = at::empty({x.size(0)}, at::kLong);
  for (std::int64_t first = 0; first < x.size(0); first += kPairRows) {
    const auto rows = std::min(kPairRows, x.size(0) - first);
    // Mode 2: differences themselves, so that ties are ties.
    const Tensor distances = at::cdist(x.narrow(0, first, rows), centres, 2.0, 2);
    nearest.narrow(0, first, rows).copy_(distances.argmin(1));
  }
  return nearest;
}

ModeCoverage mode_coverage(const Tensor& draws,
                           const Tensor& modes,
                           const ModeCoverageOptions& options) {
  require(options.hit_share > 0 && options.hit_share <= 1,
          "the share of expected draws that hits a mode must be above 0 and at most 1, got {}",
          options.hit_share);
  const Tensor nearest = nearest_modes(draws, modes);
  const double n = options.effective_draws.value_or(static_cast<double>(draws.size(0)));
  require(n > 0 && std::isfinite(n), "the draws must be worth a positive number of draws, got {}",
          n);
  const Tensor weights = checked_weights(options.weights, modes.size(0));
  const Tensor shares = at::bincount(nearest, /*weights=*/{}, modes.size(0)).to(at::kDouble) /
                        static_cast<double>(draws.size(0));
  ModeCoverage result;
  result.shares = shares;
  result.entropic = entropic_coverage(shares, n);
  if (shares.numel() > 1)
    result.entropic_of_weights =
        entropy_of(weights) / std::log(static_cast<double>(shares.numel()));
  const Tensor real = weights > 0;
  result.modes = real.sum().item<std::int64_t>();
  result.modes_hit =
      (real & (shares > 0) & (shares >= options.hit_share * weights)).sum().item<std::int64_t>();
  const Tensor difference = shares - weights;
  result.total_variation =
      multinomial_estimate(difference.abs().sum().item<double>() / 2,
                           multinomial_error(shares, difference.sign() / 2, n), n);
  result.total_variation_floor = floor_of_total_variation(weights, n);
  result.kl_divergence = divergence(shares, weights, n);
  result.kl_divergence_floor = static_cast<double>(result.modes - 1) / (2 * n);
  return result;
}

}  // namespace ergon
