#include "ergon/estimate/stein_discrepancy.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "pair_moments.hpp"

namespace ergon {
namespace {

constexpr const char* kCaller = "stein_discrepancy";

// A kernel κ = g(r²) with what its Stein kernel takes of it, (D2): κ, g' and g''.
struct Radial {
  Tensor value, first, second;
};

Radial radial(const Tensor& squared, const SteinDiscrepancyOptions& options, double scale) {
  if (options.kernel == SteinKernel::kGaussian) {
    const double rate = -0.5 / (scale * scale);
    const Tensor value = (rate * squared).exp();
    return {value, rate * value, rate * rate * value};
  }
  const double beta = options.exponent;
  const Tensor base = squared + scale * scale;
  const Tensor value = base.pow(beta);
  const Tensor first = beta * value / base;
  return {value, first, (beta - 1) * first / base};
}

// Draws around their mean, scores, and what rows of pairs take of both.
struct Points {
  Tensor x, s;   // (n, D)
  Tensor own;    // (n)  x_i·s_i
  double scale;  // c or σ
};

Points checked_points(const Tensor& draws,
                      const Tensor& scores,
                      const SteinDiscrepancyOptions& options) {
  options.validate();
  const Tensor x = checked_draws(draws, kCaller, 4);
  require(scores.defined() && scores.sizes() == draws.sizes(),
          "stein_discrepancy takes one score for each of the {} draws, of the same shape",
          x.size(0));
  const Tensor s = scores.detach().to(at::kCPU, at::kDouble);
  require(s.isfinite().all().item<bool>(),
          "stein_discrepancy got a score that is not finite: check the target there");
  const double scale =
      options.length_scale ? *options.length_scale : median_pair_distance(x, kCaller);
  const Tensor centred = x - x.mean(0);
  return {centred, s, (centred * s).sum(1), scale};
}

// Stein kernel (D2) of draws first .. first + rows with all, (rows, n); zero on the diagonal.
Tensor stein_rows(const Points& points,
                  const SteinDiscrepancyOptions& options,
                  std::int64_t first,
                  std::int64_t rows) {
  const Tensor x = points.x.narrow(0, first, rows), s = points.s.narrow(0, first, rows);
  const Tensor squared = squared_distances(x, points.x);
  const auto [value, slope, curvature] = radial(squared, options, points.scale);
  // (x - y)·(s(y) - s(x))
  const Tensor across = x.mm(points.s.t()) + s.mm(points.x.t()) - points.own -
                        points.own.narrow(0, first, rows).unsqueeze(1);
  const auto dim = static_cast<double>(points.x.size(1));
  Tensor kernel = value * s.mm(points.s.t()) + 2 * slope * (across - dim) - 4 * curvature * squared;
  kernel.diagonal(first).zero_();
  return kernel;
}

// Σ_i of the Stein kernel of a draw with itself.
double diagonal_sum(const Points& points, const SteinDiscrepancyOptions& options) {
  const auto [value, slope, curvature] = radial(at::zeros({1}, at::kDouble), options, points.scale);
  const double of_scores = points.s.square().sum().item<double>() * value.item<double>();
  return of_scores - 2 * static_cast<double>(points.x.numel()) * slope.item<double>();
}

// Signs (n, columns), each with `flip` probability another than the one before.
Tensor sign_columns(std::int64_t n, const SteinBootstrap& bootstrap, Generator generator) {
  const Tensor uniform =
      draw::uniform_like(at::empty({n, bootstrap.repetitions}, at::kDouble), generator);
  Tensor change = 1 - 2 * (uniform < bootstrap.flip_probability).to(at::kDouble);
  change[0] = 1 - 2 * (uniform[0] < 0.5).to(at::kDouble);
  return change.cumprod(0);
}

}  // namespace

SteinDiscrepancy stein_discrepancy(const Tensor& draws,
                                   const Tensor& scores,
                                   const SteinDiscrepancyOptions& options) {
  const Points points = checked_points(draws, scores, options);
  const auto n = points.x.size(0);
  PairSums sums{at::empty({n}, at::kDouble)};
  for (std::int64_t first = 0; first < n; first += kPairRows) {
    const auto rows = std::min(kPairRows, n - first);
    const Tensor kernel = stein_rows(points, options, first, rows);
    sums.rows.narrow(0, first, rows).copy_(kernel.sum(1));
    sums.squares += kernel.square().sum().item<double>();
  }
  const PairMoments moments = pair_moments(sums);
  const auto count = static_cast<double>(n);
  const double variance = 4 / count * std::max(moments.linear_variance, 0.0) +
                          2 / (count * (count - 1)) * std::max(moments.residual_variance, 0.0);
  const double error = std::sqrt(variance);  // (D9)
  const double all = sums.rows.sum().item<double>() + diagonal_sum(points, options);
  return {{moments.mean, error,
           fmt::format("U-statistic of {} draws, {} kernel", n, to_name(options.kernel)),
           interval_around(moments.mean, error)},
          all / (count * count),
          points.scale};
}

GoodnessOfFit stein_discrepancy_test(const Tensor& draws,
                                     const Tensor& scores,
                                     const SteinDiscrepancyOptions& options,
                                     const SteinBootstrap& bootstrap,
                                     Generator generator) {
  require(bootstrap.repetitions >= 1, "stein_discrepancy_test got {} repetitions: give at least 1",
          bootstrap.repetitions);
  require(bootstrap.flip_probability > 0 && bootstrap.flip_probability <= 0.5,
          "stein_discrepancy_test needs a flip probability above 0 and at most 0.5, got {}",
          bootstrap.flip_probability);
  const Points points = checked_points(draws, scores, options);
  const auto n = points.x.size(0);
  const Tensor signs = sign_columns(n, bootstrap, generator);
  Tensor signed_sums = at::zeros({bootstrap.repetitions}, at::kDouble);
  double total = 0;
  for (std::int64_t first = 0; first < n; first += kPairRows) {
    const auto rows = std::min(kPairRows, n - first);
    const Tensor kernel = stein_rows(points, options, first, rows);
    total += kernel.sum().item<double>();
    signed_sums += (kernel.mm(signs) * signs.narrow(0, first, rows)).sum(0);
  }
  const auto as_far = (signed_sums >= total).sum().item<std::int64_t>();
  const auto pairs = static_cast<double>(n * (n - 1));
  return {total / pairs,
          static_cast<double>(1 + as_far) / static_cast<double>(bootstrap.repetitions + 1)};
}

}  // namespace ergon
