#include "ergon/estimate/optimal_transport.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ergon/core/errors.hpp"
#include "pair_moments.hpp"

namespace ergon {
namespace {

std::vector<double> sorted_numbers(const Tensor& values) {
  require(values.defined() && values.dim() == 1 && values.numel() >= 1,
          "wasserstein_2_1d takes numbers of shapes (n) and (m), at least one of each");
  const Tensor numbers = values.detach().to(at::kCPU, at::kDouble).contiguous();
  require(numbers.isfinite().all().item<bool>(),
          "wasserstein_2_1d got a number that is not finite: drop it or find out where it comes "
          "from");
  const double* data = numbers.data_ptr<double>();
  std::vector<double> sorted(data, data + numbers.numel());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// Around the mean, with mean square 1.
Tensor standardised(const Tensor& draws) {
  const Tensor centred = draws - draws.mean(0);
  const double size = centred.square().mean().sqrt().item<double>();
  return size > 0 ? centred / size : centred;
}

}  // namespace

WassersteinDistance wasserstein_2(const Tensor& a,
                                  const Tensor& b,
                                  const TransportProgress& progress) {
  const Tensor x = checked_draws(a, "wasserstein_2", 1), y = checked_draws(b, "wasserstein_2", 1);
  require(x.sizes() == y.sizes(),
          "wasserstein_2 compares equally many draws in as many dimensions, got {} by {} and {} by "
          "{}: leave some out",
          x.size(0), x.size(1), y.size(0), y.size(1));
  // (D15): shifts and positive scales of either sample change no best pairing; with equal means and
  // sizes the first reductions leave least to do.
  const Tensor costs = squared_distances(standardised(x), standardised(y));
  WassersteinDistance result;
  result.partner = optimal_assignment(costs, progress);
  result.squared = (x - y.index_select(0, result.partner)).square().sum(1).mean().item<double>();
  result.distance = std::sqrt(result.squared);
  return result;
}

double wasserstein_2_1d(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = sorted_numbers(a), y = sorted_numbers(b);
  // (D16): both quantile functions are steps; places count in units of 1/(n m).
  const auto n = static_cast<std::int64_t>(x.size()), m = static_cast<std::int64_t>(y.size());
  double sum = 0;
  for (std::int64_t i = 0, j = 0, place = 0; i < n && j < m;) {
    const std::int64_t next = std::min((i + 1) * m, (j + 1) * n);
    const double difference = x[static_cast<std::size_t>(i)] - y[static_cast<std::size_t>(j)];
    sum += static_cast<double>(next - place) * difference * difference;
    place = next;
    if (next == (i + 1) * m) ++i;
    if (next == (j + 1) * n) ++j;
  }
  return std::sqrt(sum / (static_cast<double>(n) * static_cast<double>(m)));
}

}  // namespace ergon
