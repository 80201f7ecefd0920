#include "ergon/estimate/chains.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "beta_quantile.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kOneDeviation = 0.15865525393145707;  // Φ(-1)

std::string shape_text(const Tensor& tensor) {
  if (!tensor.defined()) return "none";
  std::string text;
  for (const auto size : tensor.sizes())
    text += fmt::format("{}{}", text.empty() ? "" : ", ", size);
  return fmt::format("({})", text);
}

// Chains cut in halves, coordinate first: (D, 2 chains, n/2) float64; of an odd number of draws the
// middle one is left out.
Tensor split_chains(const Tensor& draws) {
  require(draws.defined() && draws.dim() == 3 && draws.numel() > 0 && draws.size(1) >= 4,
          "chains are compared over draws of shape (chains, n, D) with n at least 4, got {}",
          shape_text(draws));
  const Tensor numbers = draws.detach().to(at::kCPU, at::kDouble).permute({2, 0, 1});
  require(numbers.isfinite().all().item<bool>(),
          "a draw of the chains is not finite: drop those chains or look for where they diverge");
  const auto n = numbers.size(2);
  return at::cat({numbers.narrow(2, 0, n / 2), numbers.narrow(2, n - n / 2, n / 2)}, 1)
      .contiguous();
}

// Ranks 1..N of N numbers, ties sharing the mean of theirs.
std::vector<double> average_ranks(const double* values, std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [values](auto left, auto right) { return values[left] < values[right]; });
  std::vector<double> ranks(count);
  for (std::size_t first = 0, last = 0; first < count; first = last) {
    while (last < count && values[order[last]] == values[order[first]]) ++last;
    for (auto tied = first; tied < last; ++tied)
      ranks[order[tied]] = 0.5 * static_cast<double>(first + 1 + last);
  }
  return ranks;
}

// z = Φ⁻¹((rank - 3/8) / (N + 1/4)), ranks over all N draws of a coordinate (Vehtari et al. 2021,
// equation 14).
Tensor rank_normalised(const Tensor& split) {
  Tensor ranks = at::empty(split.sizes(), split.options());
  const auto count = static_cast<std::size_t>(split.size(1) * split.size(2));
  for (std::int64_t coordinate = 0; coordinate < split.size(0); ++coordinate) {
    const auto of_all = average_ranks(split[coordinate].data_ptr<double>(), count);
    std::copy(of_all.begin(), of_all.end(), ranks[coordinate].data_ptr<double>());
  }
  return at::special_ndtri((ranks - 0.375) / (static_cast<double>(count) + 0.25));
}

// |x - median|, the median of an even number of draws being the mean of the middle two.
Tensor folded(const Tensor& split) {
  const Tensor sorted = std::get<0>(split.flatten(1).sort(/*dim=*/1, /*descending=*/false));
  const auto count = sorted.size(1);
  const Tensor median = 0.5 * (sorted.select(1, (count - 1) / 2) + sorted.select(1, count / 2));
  return (split - median.view({-1, 1, 1})).abs();
}

// R̂ = √((B/W + n - 1) / n) of chains (D, C, n): B/n the variance of the chains' means, W the mean
// of their variances (equations 1-4).
Tensor r_hat(const Tensor& chains) {
  const auto n = static_cast<double>(chains.size(2));
  const Tensor within = chains.var(at::IntArrayRef{2}, /*unbiased=*/true).mean(1);
  const Tensor between = n * chains.mean(2).var(at::IntArrayRef{1}, /*unbiased=*/true);
  return ((between / within + n - 1) / n).sqrt();
}

// Autocovariance at every lag, divided by n, as the mean over chains: (D, C, n) -> (D, n).
Tensor mean_autocovariance(const Tensor& chains) {
  const auto n = chains.size(2);
  std::int64_t padded = 1;
  while (padded < 2 * n) padded *= 2;
  const Tensor centred = chains - chains.mean(2, /*keepdim=*/true);
  const Tensor spectrum = at::fft_rfft(centred, padded, /*dim=*/2);
  const Tensor power = at::real(spectrum).square() + at::imag(spectrum).square();
  const Tensor lags = at::fft_irfft(power.to(at::kComplexDouble), padded, /*dim=*/2);
  return (lags.narrow(2, 0, n) / static_cast<double>(n)).mean(1).contiguous();
}

// Integrated autocorrelation time -1 + 2 Σ ρ_t by Geyer's initial positive sequence of pairs
// ρ_{2k} + ρ_{2k+1}, then made monotone (equations 11-13); an even lag after the last pair counts
// once.
double autocorrelation_time(std::vector<double> rho) {
  const auto lags = static_cast<std::int64_t>(rho.size());
  std::int64_t next = 2;  // first lag of the pair that is looked at
  rho[0] = 1;
  double even = 1;
  double pair = even + rho[1];
  while (next < lags - 2 && pair > 0) {
    even = rho[next];
    pair = even + rho[next + 1];
    next += 2;
  }
  const std::int64_t last = next - 2;  // first lag after the pairs that are summed
  double sum = 0;
  for (std::int64_t lag = 0; lag < last; lag += 2) {
    if (lag > 0 && rho[lag] + rho[lag + 1] > rho[lag - 2] + rho[lag - 1])
      rho[lag] = rho[lag + 1] = (rho[lag - 2] + rho[lag - 1]) / 2;
    sum += rho[lag] + rho[lag + 1];
  }
  return -1 + 2 * sum + std::max(even, 0.0);
}

// Number of draws over the autocorrelation time of chains (D, C, n), antithetic ones worth at most
// N log10 N draws (Stan's rule); NaN for a constant coordinate.
Tensor effective_sample_size(const Tensor& chains) {
  const auto n = static_cast<double>(chains.size(2));
  const auto total = n * static_cast<double>(chains.size(1));
  const Tensor covariance = mean_autocovariance(chains);
  const Tensor within = covariance.select(1, 0) * n / (n - 1);
  const Tensor between = chains.mean(2).var(at::IntArrayRef{1}, /*unbiased=*/true);
  const Tensor marginal = within * (n - 1) / n + between;
  const Tensor correlation =
      (1 - (within.unsqueeze(1) - covariance) / marginal.unsqueeze(1)).contiguous();
  const Tensor constant = chains.amax({1, 2}) == chains.amin({1, 2});
  Tensor sizes = at::empty({chains.size(0)}, at::kDouble);
  for (std::int64_t coordinate = 0; coordinate < chains.size(0); ++coordinate) {
    const double* first = correlation[coordinate].data_ptr<double>();
    const double time = autocorrelation_time({first, first + chains.size(2)});
    sizes[coordinate] = total / std::max(time, 1 / std::log10(total));
  }
  return sizes.masked_fill(constant, kNaN);
}

// All draws of every coordinate in order, (D, chains n) float64.
Tensor sorted_draws(const Tensor& draws) {
  const Tensor pooled = draws.detach().to(at::kCPU, at::kDouble).permute({2, 0, 1}).flatten(1);
  return std::get<0>(pooled.sort(/*dim=*/1, /*descending=*/false)).contiguous();
}

// Linear between the sorted draws, the first at probability 0 and the last at 1, (D).
Tensor quantiles(const Tensor& sorted, double probability) {
  const auto count = sorted.size(1);
  const double place = probability * static_cast<double>(count - 1);
  const auto below = std::min(static_cast<std::int64_t>(place), count - 1);
  const Tensor low = sorted.select(1, below);
  const Tensor high = sorted.select(1, std::min(below + 1, count - 1));
  return low + (place - static_cast<double>(below)) * (high - low);
}

void require_probability(double probability) {
  require(probability > 0 && probability < 1,
          "a quantile's probability must lie between 0 and 1, both excluded, got {}", probability);
}

// Draws with the mean of each coordinate over all chains taken off, (chains, n, D).
Tensor centred_draws(const Tensor& draws) {
  const Tensor numbers = draws.detach().to(at::kCPU, at::kDouble);
  return numbers - numbers.mean(at::IntArrayRef{0, 1});
}

}  // namespace

Tensor split_r_hat(const Tensor& draws) {
  const Tensor split = split_chains(draws);
  return at::maximum(r_hat(rank_normalised(split)), r_hat(rank_normalised(folded(split))));
}

Tensor bulk_effective_sample_size(const Tensor& draws) {
  return effective_sample_size(rank_normalised(split_chains(draws)));
}

Tensor mean_effective_sample_size(const Tensor& draws) {
  return effective_sample_size(split_chains(draws));
}

Tensor quantile_effective_sample_size(const Tensor& draws, double probability) {
  require_probability(probability);
  const Tensor split = split_chains(draws);
  const Tensor bar = quantiles(sorted_draws(draws), probability).view({-1, 1, 1});
  return effective_sample_size((split <= bar).to(at::kDouble));
}

Tensor tail_effective_sample_size(const Tensor& draws) {
  return at::fmin(quantile_effective_sample_size(draws, 0.05),
                  quantile_effective_sample_size(draws, 0.95));
}

Tensor mcse_mean(const Tensor& draws) {
  const Tensor size = mean_effective_sample_size(draws);
  const Tensor variance = sorted_draws(draws).var(at::IntArrayRef{1}, /*unbiased=*/true);
  return (variance / size).sqrt();
}

Tensor mcse_stddev(const Tensor& draws) {
  // constant or not is asked of the draws: their squares around the mean are constant for ±1 too
  const Tensor constant = mean_effective_sample_size(draws).isnan();
  const Tensor squares = centred_draws(draws).square();
  const Tensor size = mean_effective_sample_size(squares);
  const Tensor second = squares.mean(at::IntArrayRef{0, 1});
  const Tensor spread = squares.square().mean(at::IntArrayRef{0, 1}) - second.square();
  return (spread / (4 * second * size)).sqrt().masked_fill(constant, kNaN);
}

Tensor mcse_quantile(const Tensor& draws, double probability) {
  const Tensor size = quantile_effective_sample_size(draws, probability);
  const Tensor sorted = sorted_draws(draws);
  const auto count = sorted.size(1);
  Tensor errors = at::full({sorted.size(0)}, kNaN, at::kDouble);
  for (std::int64_t coordinate = 0; coordinate < sorted.size(0); ++coordinate) {
    const double of_quantile = size[coordinate].item<double>();
    if (std::isnan(of_quantile)) continue;
    const double a = of_quantile * probability + 1, b = of_quantile * (1 - probability) + 1;
    const auto place = [&](double share) {
      return beta_quantile(share, a, b) * static_cast<double>(count) - 1;
    };
    const auto low = static_cast<std::int64_t>(std::floor(std::max(place(kOneDeviation), 0.0)));
    const auto high =
        std::min(static_cast<std::int64_t>(std::ceil(place(1 - kOneDeviation))), count - 1);
    const double* draw = sorted[coordinate].data_ptr<double>();
    errors[coordinate] = (draw[high] - draw[low]) / 2;
  }
  return errors;
}

}  // namespace ergon
