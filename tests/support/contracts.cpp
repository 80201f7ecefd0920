#include "support/contracts.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

constexpr double kDifferenceStep = 1e-5;       // of a central difference, per unit of 1 + |x|
constexpr double kDifferenceTolerance = 1e-6;  // its truncation and rounding, with room
constexpr double kNarrow = 0.2;                // standard deviations of the reference Gaussians

/// max over points of |a - b| / (1 + |b|).
double worst_distance(const Tensor& a, const Tensor& b) {
  return ((a - b).norm(2, -1) / (1 + b.norm(2, -1))).max().item<double>();
}

/// log|det| of the forward map's Jacobian by central differences at points (n, D), (n).
Tensor log_det_by_differences(const Bijection& bijection, const Tensor& points) {
  const auto dim = bijection.dim();
  const Tensor step = kDifferenceStep * (1 + points.norm(2, -1, true));  // (n, 1)
  std::vector<Tensor> columns;
  for (std::int64_t i = 0; i < dim; ++i) {
    Tensor shift = at::zeros_like(points);
    shift.select(-1, i).copy_(step.squeeze(-1));
    const Tensor ahead = bijection.forward(points + shift).points;
    columns.push_back((ahead - bijection.forward(points - shift).points) / (2 * step));
  }
  return std::get<1>(at::linalg_slogdet(at::stack(columns, -1)));
}

}  // namespace

void expect_bijection_contract(const Bijection& bijection,
                               const Tensor& points,
                               double relative,
                               const std::string& name) {
  const at::NoGradGuard no_grad;
  const auto count = points.size(0), dim = points.size(1);
  ASSERT_EQ(bijection.dim(), dim) << name;
  const Mapped there = bijection.forward(points);
  ASSERT_EQ(there.points.sizes(), points.sizes()) << name;
  ASSERT_EQ(there.log_det.sizes().vec(), std::vector<std::int64_t>{count}) << name;

  const Mapped back = bijection.inverse(there.points);
  ASSERT_EQ(back.log_det.sizes(), there.log_det.sizes()) << name;
  EXPECT_LE(worst_distance(back.points, points), relative) << name << ": inverse(forward(x))";
  const Tensor again = bijection.forward(bijection.inverse(points).points).points;
  EXPECT_LE(worst_distance(again, points), relative) << name << ": forward(inverse(x))";
  expect_close(-back.log_det, there.log_det, 100 * relative, name + ": log-determinants");

  const Tensor few = points.slice(0, 0, 20);
  const Tensor differences = log_det_by_differences(bijection, few);
  EXPECT_LE((there.log_det.slice(0, 0, 20) - differences).abs().max().item<double>(),
            kDifferenceTolerance)
      << name << ": log-determinant against central differences";

  const Mapped blocks = bijection.forward(points.view({2, count / 2, dim}));
  expect_close(blocks.points.view({count, dim}), there.points, tolerance<double>(),
               name + ": leading dimensions");
  expect_close(blocks.log_det.view({count}), there.log_det, tolerance<double>(),
               name + ": log-determinants with leading dimensions");
  const Mapped single = bijection.inverse(there.points.slice(0, count - 1));
  expect_close(single.points, back.points.slice(0, count - 1), 100 * relative,
               name + ": a row on its own");
}

void expect_distribution_contract(const Distribution& distribution,
                                  std::int64_t count,
                                  Seed seed,
                                  const std::string& name) {
  const at::NoGradGuard no_grad;
  const auto dim = distribution.dim();
  const Draws draws = distribution.sample_with_log_prob(count, seed.generator());
  ASSERT_EQ(draws.particles.sizes().vec(), (std::vector<std::int64_t>{count, dim})) << name;
  ASSERT_EQ(draws.log_q.sizes().vec(), std::vector<std::int64_t>{count}) << name;
  expect_same_bits(distribution.sample(count, seed.generator()), draws.particles,
                   name + ": the same generator");
  const Tensor others = distribution.sample(count, seed.child("others").generator());
  EXPECT_FALSE(others.equal(draws.particles)) << name << ": another generator";

  const Tensor few = draws.particles.slice(0, 0, 100);
  expect_close(distribution.log_prob(few), draws.log_q.slice(0, 0, 100), 10 * tolerance<double>(),
               name + ": log q of the draws");
  expect_close(distribution.log_density(few), distribution.log_prob(few), tolerance<double>(),
               name + ": log density");
  expect_close(distribution.log_prob(few.view({4, 25, dim})).view({100}),
               distribution.log_prob(few), tolerance<double>(), name + ": leading dimensions");

  const Tensor width = kNarrow * draws.particles.std(0, /*unbiased=*/true);  // (D)
  const double norm = 0.5 * static_cast<double>(dim) * std::log(2 * M_PI);
  for (std::int64_t i = 0; i < 3; ++i) {
    const Tensor standard = (draws.particles - others[i]) / width;
    const Tensor log_r = -0.5 * standard.pow(2).sum(-1) - width.log().sum() - norm;
    const Tensor ratio = (log_r - draws.log_q).exp();
    const double error = (ratio.std() / std::sqrt(static_cast<double>(count))).item<double>();
    EXPECT_LT(std::abs(ratio.mean().item<double>() - 1), 4.5 * error)
        << name << ": normalised, by a Gaussian at draw " << i;
    EXPECT_LT(error, 0.2) << name << ": too few draws to tell";
  }
}

}  // namespace ergon::testing
