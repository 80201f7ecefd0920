#include "ergon/estimate/mmd.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "ergon/core/errors.hpp"
#include "pair_moments.hpp"

namespace ergon {
namespace {

constexpr const char* kCaller = "maximum_mean_discrepancy";

// Sums of κ over all pairs of one draw of a and one of b.
struct CrossSums {
  Tensor rows;         // (n)  Σ_j κ(x_i, y_j)
  Tensor columns;      // (m)  Σ_i κ(x_i, y_j)
  double squares = 0;  // Σ_ij κ²
};

CrossSums cross_sums(const Tensor& a, const Tensor& b, double bandwidth) {
  CrossSums sums{at::empty({a.size(0)}, at::kDouble), at::zeros({b.size(0)}, at::kDouble)};
  for (std::int64_t first = 0; first < a.size(0); first += kPairRows) {
    const auto rows = std::min(kPairRows, a.size(0) - first);
    const Tensor kernel =
        squared_distances(a.narrow(0, first, rows), b).mul_(-0.5 / (bandwidth * bandwidth)).exp_();
    sums.rows.narrow(0, first, rows).copy_(kernel.sum(1));
    sums.columns += kernel.sum(0);
    sums.squares += kernel.square().sum().item<double>();
  }
  return sums;
}

// κ(x, x) = 1 is known, so the diagonal comes off the full sums.
PairSums within_sums(const Tensor& draws, double bandwidth) {
  PairSums sums{at::empty({draws.size(0)}, at::kDouble)};
  for (std::int64_t first = 0; first < draws.size(0); first += kPairRows) {
    const auto rows = std::min(kPairRows, draws.size(0) - first);
    Tensor kernel = squared_distances(draws.narrow(0, first, rows), draws)
                        .mul_(-0.5 / (bandwidth * bandwidth))
                        .exp_();
    kernel.diagonal(first).zero_();
    sums.rows.narrow(0, first, rows).copy_(kernel.sum(1));
    sums.squares += kernel.square().sum().item<double>();
  }
  return sums;
}

// Moments of κ(x, y), unbiased (D8).
struct CrossMoments {
  double mean = 0;
  double given_x = 0;   // Var E[κ | x]
  double given_y = 0;   // Var E[κ | y]
  double residual = 0;  // variance of what is beyond both conditional means
};

CrossMoments cross_moments(const CrossSums& sums) {
  const auto n = static_cast<double>(sums.rows.numel());
  const auto m = static_cast<double>(sums.columns.numel());
  const double total = sums.rows.sum().item<double>();
  const double row_squares = sums.rows.square().sum().item<double>();
  const double column_squares = sums.columns.square().sum().item<double>();
  const double squared_mean =
      (total * total - row_squares - column_squares + sums.squares) / (n * (n - 1) * m * (m - 1));
  const double shared_x = (row_squares - sums.squares) / (n * m * (m - 1));
  const double shared_y = (column_squares - sums.squares) / (n * m * (n - 1));
  return {total / (n * m), shared_x - squared_mean, shared_y - squared_mean,
          sums.squares / (n * m) - shared_x - shared_y + squared_mean};
}

// Cov(E[κ(x, x') | x], E[κ(x, y) | x]) from the row sums of both (D8).
double covariance(const Tensor& within, const Tensor& across, double of_other) {
  const auto n = static_cast<double>(within.numel());
  const double shared = at::dot(within, across).item<double>();
  const double totals = within.sum().item<double>() * across.sum().item<double>();
  return shared / (n * (n - 1) * of_other) -
         (totals - 2 * shared) / (n * (n - 1) * (n - 2) * of_other);
}

// (D9): the draws' own parts and those of pairs are uncorrelated; variances are not below zero.
double variance(const PairSums& of_a, const PairSums& of_b, const CrossSums& across) {
  const auto n = static_cast<double>(of_a.rows.numel());
  const auto m = static_cast<double>(of_b.rows.numel());
  const PairMoments a = pair_moments(of_a), b = pair_moments(of_b);
  const CrossMoments ab = cross_moments(across);
  const double linear_a =
      a.linear_variance + ab.given_x - 2 * covariance(of_a.rows, across.rows, m);
  const double linear_b =
      b.linear_variance + ab.given_y - 2 * covariance(of_b.rows, across.columns, n);
  return 4 / n * std::max(linear_a, 0.0) + 4 / m * std::max(linear_b, 0.0) +
         2 / (n * (n - 1)) * std::max(a.residual_variance, 0.0) +
         2 / (m * (m - 1)) * std::max(b.residual_variance, 0.0) +
         4 / (n * m) * std::max(ab.residual, 0.0);
}

}  // namespace

MaximumMeanDiscrepancy maximum_mean_discrepancy(const Tensor& a,
                                                const Tensor& b,
                                                std::optional<double> bandwidth) {
  const Tensor of_a = checked_draws(a, kCaller, 4), of_b = checked_draws(b, kCaller, 4);
  require(of_a.size(1) == of_b.size(1),
          "maximum_mean_discrepancy compares draws in as many dimensions, got {} and {}",
          of_a.size(1), of_b.size(1));
  const double sigma =
      bandwidth ? *bandwidth : median_pair_distance(at::cat({of_a, of_b}), kCaller);
  require(sigma > 0 && std::isfinite(sigma),
          "maximum_mean_discrepancy needs a positive bandwidth, got {}", sigma);
  const Tensor centre = at::cat({of_a, of_b}).mean(0);
  const Tensor x = of_a - centre, y = of_b - centre;
  const PairSums within_x = within_sums(x, sigma), within_y = within_sums(y, sigma);
  const CrossSums across = cross_sums(x, y, sigma);

  const double squared =
      pair_moments(within_x).mean + pair_moments(within_y).mean - 2 * cross_moments(across).mean;
  const double error = std::sqrt(variance(within_x, within_y, across));
  return {{squared, error,
           fmt::format("U-statistic of {} and {} draws, Gaussian kernel", x.size(0), y.size(0)),
           interval_around(squared, error)},
          sigma};
}

}  // namespace ergon
