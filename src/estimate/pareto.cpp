#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "ergon/core/errors.hpp"
#include "ergon/estimate/importance.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kFewestDraws = 25;  // the tail then has five weights
constexpr std::size_t kShortestTail = 5;
constexpr double kEqualWeights = 1e-8;  // relative: what rounding leaves of equal ones
constexpr double kPriorDraws = 10;      // weak prior: as many exceedances with k = 0.5
constexpr double kPriorShape = 0.5;

std::vector<double> sorted_numbers(const Tensor& log_weights) {
  require(log_weights.dim() == 1, "pareto_k takes log-weights of shape (n), got {} dimensions",
          log_weights.dim());
  const Tensor numbers = std::get<0>(
      log_weights.detach().to(at::kCPU, at::kDouble).sort(/*dim=*/0, /*descending=*/false));
  const double* data = numbers.data_ptr<double>();
  std::vector<double> sorted(data, data + numbers.numel());
  for (const double number : sorted) {
    if (std::isnan(number) || number == std::numeric_limits<double>::infinity())
      throw NumericalFailure(
          "a log-weight is not a number or infinitely large: check that the proposal's density is "
          "positive and finite at its own draws");
  }
  return sorted;
}

// Mean of log(1 - b x): the shape that belongs to b = -k/σ.
double shape_at(double b, const std::vector<double>& exceedances) {
  double sum = 0;
  for (const double x : exceedances) sum += std::log1p(-b * x);
  return sum / static_cast<double>(exceedances.size());
}

// (34): posterior mean of b over a grid, and the shape there; exceedances ascending,
// positive.
double generalised_pareto_shape(const std::vector<double>& exceedances) {
  const auto count = static_cast<double>(exceedances.size());
  const auto grid_size = 30 + static_cast<int>(std::sqrt(count));
  const double quartile = exceedances[static_cast<std::size_t>(std::floor(count / 4 + 0.5)) - 1];
  std::vector<double> grid, log_likelihood;
  for (int j = 1; j <= grid_size; ++j) {
    const double b =
        1 / exceedances.back() + (1 - std::sqrt(grid_size / (j - 0.5))) / (3 * quartile);
    const double k = shape_at(b, exceedances);
    grid.push_back(b);
    log_likelihood.push_back(count * (std::log(-b / k) - k - 1));
  }
  const double largest = *std::max_element(log_likelihood.begin(), log_likelihood.end());
  double weight_sum = 0, mean_b = 0;
  for (std::size_t j = 0; j < grid.size(); ++j) {
    const double weight = std::exp(log_likelihood[j] - largest);
    weight_sum += weight;
    mean_b += weight * grid[j];
  }
  return shape_at(mean_b / weight_sum, exceedances);
}

}  // namespace

double pareto_k(const Tensor& log_weights) {
  const std::vector<double> sorted = sorted_numbers(log_weights);
  const auto draws = static_cast<std::int64_t>(sorted.size());
  if (draws < kFewestDraws) return std::numeric_limits<double>::quiet_NaN();
  const double largest = sorted.back();
  if (std::isinf(largest)) throw NumericalFailure("every importance weight is zero");

  // (33): exceedances of the largest weights over the largest of the others.
  const auto n = static_cast<double>(draws);
  const auto tail = static_cast<std::size_t>(std::ceil(std::min(n / 5, 3 * std::sqrt(n))));
  const double cutoff = std::max(sorted[sorted.size() - tail - 1] - largest,
                                 std::log(std::numeric_limits<double>::min()));
  if (-cutoff < kEqualWeights) return -std::numeric_limits<double>::infinity();
  std::vector<double> exceedances;
  for (const double log_weight : sorted)
    if (log_weight - largest > cutoff)
      exceedances.push_back(std::exp(cutoff) * std::expm1(log_weight - largest - cutoff));
  if (exceedances.size() < kShortestTail) return std::numeric_limits<double>::infinity();

  const auto count = static_cast<double>(exceedances.size());
  const double shape = generalised_pareto_shape(exceedances);
  return (count * shape + kPriorDraws * kPriorShape) / (count + kPriorDraws);
}

double pareto_k_threshold(std::int64_t draws) {
  require(draws >= 1, "a threshold for {} draws was asked for: give at least 1", draws);
  return std::min(1 - 1 / std::log10(static_cast<double>(draws)), 0.7);
}

}  // namespace ergon
