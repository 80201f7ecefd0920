#include "ergon/sampler/initial.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "support/compare.hpp"
#include "support/contracts.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

TEST(SamplerInitial, GaussianDensityIsTheHandComputedOne) {
  InitialOptions options;
  options.mean = {1.0, -1.0};
  options.stddev = 2.0;
  const auto initial = InitialDistribution::from_options(options, 2, Seed(1));
  const Tensor x = at::tensor({3.0, -1.0}, at::kDouble).view({1, 2});
  EXPECT_NEAR(initial.log_prob(x).item<double>(), -0.5 - 2 * std::log(2.0) - std::log(2 * M_PI),
              1e-13);
}

TEST(SamplerInitial, MixtureDensityIntegratesToOneAndItsDrawsHaveItsMoments) {
  InitialOptions options;
  options.family = InitialFamily::kMixture;
  options.components = 3;
  options.stddev = 0.7;
  const auto initial = InitialDistribution::from_options(options, 1, Seed(2));
  const Tensor grid = at::linspace(-15, 15, 20001, at::kDouble).unsqueeze(-1);
  EXPECT_NEAR(initial.log_prob(grid).exp().sum().item<double>() * 30 / 20000, 1.0, 1e-9);
  const Tensor draws = initial.sample_sets(1, 40000, Seed(3).generator()).particles;
  const double mean = initial.mean().mean().item<double>();
  const double variance = 0.49 + initial.mean().var(/*unbiased=*/false).item<double>();
  EXPECT_LT(std::abs(draws.mean().item<double>() - mean) / std::sqrt(variance / 40000), 4.0);
}

TEST(SamplerInitial, DrawsCarryTheirDensityAndFollowTheParameters) {
  const Tensor mean = at::tensor({0.5, 2.0}, at::kDouble).view({1, 2}).requires_grad_();
  const Tensor log_stddev = at::tensor({0.1, -0.3}, at::kDouble).view({1, 2}).requires_grad_();
  const InitialDistribution initial(mean, log_stddev);
  const Draws draws = initial.sample_sets(3, 5, Seed(4).generator());
  expect_close(draws.log_q, initial.log_prob(draws.particles.detach()), kTight, "log q");
  draws.particles.sum().backward();
  expect_close(mean.grad(), at::full({1, 2}, 15.0, at::kDouble), kTight, "d sum / d mean");
  const Tensor noise = (draws.particles - mean) * (-log_stddev).exp();
  expect_close(log_stddev.grad(), (noise * log_stddev.exp()).flatten(0, 1).sum(0).unsqueeze(0),
               kTight, "d sum / d log stddev");
}

TEST(SamplerInitial, IsADistributionAsAGaussianAndAsAMixture) {
  InitialOptions options;
  options.mean = {1.0, -1.0, 0.5};
  options.stddev = 1.5;
  expect_distribution_contract(InitialDistribution::from_options(options, 3, Seed(5)), 20000,
                               Seed(6), "Gaussian");
  options.family = InitialFamily::kMixture;
  options.components = 4;
  expect_distribution_contract(InitialDistribution::from_options(options, 3, Seed(5)), 20000,
                               Seed(6), "mixture");
}

TEST(SamplerInitial, ClosedFormScoreIsTheDerivativeAndCanBeDifferentiatedAgain) {
  InitialOptions options;
  options.family = InitialFamily::kMixture;
  for (const std::int64_t components : {1, 3}) {
    options.components = components;
    const auto drawn = InitialDistribution::from_options(options, 4, Seed(9));
    const Tensor log_stddev = 0.3 * draw::normal_like(drawn.mean(), Seed(10).generator());
    const InitialDistribution initial(drawn.mean(), log_stddev);
    const Tensor x = 3 * draw::normal_like(at::empty({2, 5, 4}, at::kDouble), Seed(11).generator());
    const Tensor points = x.clone().requires_grad_();
    const auto closed = initial.log_density_and_score(points);
    expect_close(closed.log_density.detach(), initial.log_prob(x), kTight, "log q");
    const Tensor along = draw::normal_like(x, Seed(12).generator());
    const auto automatic = initial.LogDensity::log_density_and_score(points);
    expect_close(closed.score, automatic.score, kTight, "score");
    const auto derivative = [&](const Tensor& score) {
      return torch::autograd::grad({(score * along).sum()}, {points}, {}, true)[0];
    };
    expect_close(derivative(closed.score), derivative(automatic.score), kTight, "Hessian product");
  }
}

TEST(SamplerInitial, SingleDrawsAreTheOnesOfASetOfThatSizeAndKeepTheirGraph) {
  const Tensor mean = at::tensor({0.5, 2.0, -1.0, 0.0}, at::kDouble).view({2, 2}).requires_grad_();
  const InitialDistribution initial(mean, at::zeros({2, 2}, at::kDouble));
  EXPECT_EQ(initial.dim(), 2);
  const Draws draws = initial.sample_with_log_prob(7, Seed(8).generator());
  const Draws set = initial.sample_sets(1, 7, Seed(8).generator());
  expect_same_bits(draws.particles, set.particles[0], "particles");
  expect_same_bits(draws.log_q, set.log_q[0], "log q");
  EXPECT_TRUE(draws.particles.requires_grad());
}

TEST(SamplerInitial, TruncationBoxIsAroundTheNearestComponent) {
  const InitialDistribution initial(at::tensor({0.0, 10.0}, at::kDouble).view({2, 1}),
                                    at::zeros({2, 1}, at::kDouble));
  const Tensor x = at::tensor({2.9, 5.0, 12.0, 13.5}, at::kDouble).view({4, 1});
  const Tensor expected = at::tensor({1, 0, 1, 0}, at::kInt).to(at::kBool);
  EXPECT_TRUE(initial.within(x, 3.0).equal(expected));
}

TEST(SamplerInitial, RefusesAMeanOfAnotherDimension) {
  InitialOptions options;
  options.mean = {1.0, 2.0, 3.0};
  EXPECT_THROW(InitialDistribution::from_options(options, 2, Seed(1)), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
