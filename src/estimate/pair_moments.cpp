#include "pair_moments.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <tuple>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kMedianDraws = 2048;  // two million pairs

}  // namespace

Tensor checked_draws(const Tensor& draws, std::string_view caller, std::int64_t least) {
  require(draws.defined() && draws.dim() == 2 && draws.size(0) >= least && draws.size(1) >= 1,
          "{} takes draws of shape (n, D) with n at least {} and D at least 1", caller, least);
  const Tensor numbers = draws.detach().to(at::kCPU, at::kDouble).contiguous();
  require(numbers.isfinite().all().item<bool>(),
          "{} got a draw that is not finite: drop it or find out where it comes from", caller);
  return numbers;
}

Tensor squared_distances(const Tensor& x, const Tensor& y) {
  const Tensor norms = x.square().sum(1, /*keepdim=*/true) + y.square().sum(1);
  return at::addmm(norms, x, y.t(), /*beta=*/1, /*alpha=*/-2).clamp_min_(0);
}

double median_pair_distance(const Tensor& draws, std::string_view caller) {
  const auto n = draws.size(0);
  Tensor some = draws;
  if (n > kMedianDraws)
    some = draws.index_select(
        0, (at::arange(kMedianDraws, at::kLong) * n).div(kMedianDraws, /*rounding_mode=*/"floor"));
  const Tensor distances = at::pdist(some);
  const Tensor positive = distances.masked_select(distances > 0);
  require(positive.numel() > 0,
          "{} has no two different draws to take a length scale from: give one", caller);
  return std::get<0>(positive.kthvalue(positive.numel() / 2 + 1)).item<double>();
}

PairMoments pair_moments(const PairSums& sums) {
  const auto n = static_cast<double>(sums.rows.numel());
  const double total = sums.rows.sum().item<double>();
  const double paths = sums.rows.square().sum().item<double>() - sums.squares;
  const double pairs = n * (n - 1);
  PairMoments moments;
  moments.mean = total / pairs;
  moments.squared_mean =
      (total * total - 4 * paths - 2 * sums.squares) / (pairs * (n - 2) * (n - 3));
  const double of_path = paths / (pairs * (n - 2));  // E[h(x, x') h(x, x'')]
  moments.linear_variance = of_path - moments.squared_mean;
  moments.residual_variance = sums.squares / pairs - 2 * of_path + moments.squared_mean;
  return moments;
}

}  // namespace ergon
