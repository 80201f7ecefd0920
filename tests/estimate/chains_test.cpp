#include "ergon/estimate/chains.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "estimate/chains.hpp"
#include "support/compare.hpp"

namespace ergon::testing {
namespace {

// The expected numbers are those of arviz 0.23.4: rhat, ess(method="bulk"), ess(method="mean").
TEST(EstimateChains, NumbersAreThoseOfAnotherImplementation) {
  const Tensor draws = reference_chains();
  expect_close(
      split_r_hat(draws),
      at::tensor({1.0591023235460522, 1.0037875592942362, 1.0033580710053789}, at::kDouble), 1e-9,
      "R̂");
  expect_close(bulk_effective_sample_size(draws),
               at::tensor({112.20990701739713, 453.3153712093926, 448.6647288018029}, at::kDouble),
               1e-9, "bulk size");
  expect_close(mean_effective_sample_size(draws),
               at::tensor({114.2156384746599, 419.0011286293184, 446.9474314770548}, at::kDouble),
               1e-9, "size for the mean");
}

TEST(EstimateChains, IndependentNormalDrawsAreWorthTheirNumber) {
  const Tensor draws = normal({8, 1000, 5}, 1);
  // R̂ - 1 is of the order of the chains over the draws, 16/8000
  EXPECT_LT(split_r_hat(draws).max().item<double>(), 1.005);
  EXPECT_GT(split_r_hat(draws).min().item<double>(), 0.999);
  for (const Tensor& size :
       {bulk_effective_sample_size(draws), mean_effective_sample_size(draws)}) {
    // over 100 other seeds a coordinate's size was 0.7 % below 8000 and spread by 2.5 %: four of
    // these, for the mean of five and for each, are a false alarm of 6e-5 each
    EXPECT_NEAR(size.mean().item<double>(), 0.993 * 8000, 4 * 0.025 / std::sqrt(5.0) * 8000);
    EXPECT_GT(size.min().item<double>(), (0.993 - 4 * 0.025) * 8000);
  }
}

TEST(EstimateChains, AutoregressiveChainsAreWorthTheShareThatTheirCorrelationLeaves) {
  // standard deviation of the size over its exact value, over 40 other seeds; the bias is below 1.3
  // %
  const std::vector<std::pair<double, double>> cases{
      {-0.3, 0.023}, {0.3, 0.019}, {0.7, 0.038}, {0.9, 0.061}};
  for (const auto& [rho, deviation] : cases) {
    const double exact = 40000 * (1 - rho) / (1 + rho);
    const double margin = (0.013 + 4 * deviation) * exact;  // false alarm 6e-5
    const Tensor draws = autoregressive(8, 5000, rho, 11);
    EXPECT_NEAR(mean_effective_sample_size(draws).item<double>(), exact, margin) << rho;
    EXPECT_NEAR(bulk_effective_sample_size(draws).item<double>(), exact, margin) << rho;
  }
}

TEST(EstimateChains, ChainsWithDifferentMeansHaveNotMixed) {
  Tensor draws = normal({4, 500, 2}, 3);
  draws.select(2, 1).select(0, 2) += 1.5;
  const Tensor r_hat = split_r_hat(draws);
  EXPECT_LT(r_hat[0].item<double>(), 1.01);
  EXPECT_GT(r_hat[1].item<double>(), 1.1);
  EXPECT_LT(bulk_effective_sample_size(draws)[1].item<double>(), 100);
}

TEST(EstimateChains, ChainsWithDifferentScalesHaveNotMixed) {
  Tensor draws = normal({4, 500, 1}, 4);
  draws[1] *= 4;
  EXPECT_GT(split_r_hat(draws).item<double>(), 1.1);
}

TEST(EstimateChains, AChainThatDriftsHasNotMixedWithItself) {
  const Tensor drift = at::linspace(0, 3, 500, at::TensorOptions(at::kDouble)).view({1, 500, 1});
  EXPECT_GT(split_r_hat(normal({1, 500, 1}, 5) + drift).item<double>(), 1.1);
  EXPECT_LT(split_r_hat(normal({1, 500, 1}, 5)).item<double>(), 1.02);
}

TEST(EstimateChains, HeavyTailsDoNotMatterToRanks) {
  const Tensor cauchy = normal({4, 1000, 1}, 6) / normal({4, 1000, 1}, 7);
  EXPECT_LT(split_r_hat(cauchy).item<double>(), 1.01);
  EXPECT_NEAR(bulk_effective_sample_size(cauchy).item<double>(), 4000, 600);
  Tensor apart = cauchy.clone();
  apart[0] += 5;
  EXPECT_GT(split_r_hat(apart).item<double>(), 1.1);
}

TEST(EstimateChains, RanksDoNotSeeAMonotoneMap) {
  const Tensor draws = autoregressive(3, 200, 0.5, 8);
  expect_close(bulk_effective_sample_size(draws.exp()), bulk_effective_sample_size(draws), 1e-12,
               "bulk size");
}

TEST(EstimateChains, AConstantCoordinateHasNeither) {
  Tensor draws = normal({3, 50, 2}, 9);
  draws.select(2, 0).fill_(0.1);
  for (const Tensor& numbers :
       {split_r_hat(draws), bulk_effective_sample_size(draws), mean_effective_sample_size(draws)}) {
    EXPECT_TRUE(std::isnan(numbers[0].item<double>()));
    EXPECT_TRUE(std::isfinite(numbers[1].item<double>()));
  }
}

TEST(EstimateChains, TakesFourDrawsAndSinglePrecisionAndRefusesLess) {
  const Tensor single = normal({2, 4, 3}, 10).to(at::kFloat);
  EXPECT_EQ(split_r_hat(single).scalar_type(), at::kDouble);
  EXPECT_TRUE(bulk_effective_sample_size(single).isfinite().all().item<bool>());
  EXPECT_THROW(split_r_hat(single.slice(1, 0, 3)), InvalidInput);
  EXPECT_THROW(split_r_hat(single[0]), InvalidInput);
  EXPECT_THROW(bulk_effective_sample_size(at::empty({0, 4, 1})), InvalidInput);
  EXPECT_THROW(mean_effective_sample_size({}), InvalidInput);
  Tensor broken = single.clone();
  broken[0][0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(split_r_hat(broken), InvalidInput);
  broken[0][0][0] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(mean_effective_sample_size(broken), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
