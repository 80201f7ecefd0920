#include "../../src/sampler/resampling.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../../src/sampler/temperature_ladder.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();
const double kInfinity = std::numeric_limits<double>::infinity();

Tensor random_log_weights(std::int64_t sets, std::int64_t particles, std::uint64_t seed) {
  return 1.5 * draw::normal_like(at::empty({sets, particles}, at::kDouble), Seed(seed).generator());
}

// How often every particle is among the ancestors, (sets, M).
Tensor counts(const Tensor& ancestors) {
  return at::zeros(ancestors.sizes(), at::kDouble)
      .scatter_add(-1, ancestors, at::ones(ancestors.sizes(), at::kDouble));
}

TEST(SamplerResampling, TakesEveryParticleTheFloorOrTheCeilingOfItsShare) {
  const Tensor log_weight = random_log_weights(50, 37, 1);
  const Tensor uniform = draw::uniform_like(at::empty({50}, at::kDouble), Seed(2).generator());
  const Tensor taken = counts(systematic_resampling(log_weight, uniform));
  const Tensor expected = 37 * normalised_weights(log_weight);
  EXPECT_TRUE((taken >= expected.floor()).all().item<bool>());
  EXPECT_TRUE((taken <= expected.ceil()).all().item<bool>());
  EXPECT_GT(taken.max().item<double>(), 1.0);
}

TEST(SamplerResampling, TakesEveryParticleItsShareOnAverageOverTheUniformNumber) {
  // The average over u by the midpoint rule: a count jumps at most twice in u, by one each time.
  constexpr std::int64_t kPoints = 20000;
  const Tensor log_weight = random_log_weights(1, 11, 3);
  const Tensor uniform = (at::arange(kPoints, at::kDouble) + 0.5) / kPoints;
  const Tensor taken = counts(systematic_resampling(log_weight.expand({kPoints, 11}), uniform));
  const Tensor error = taken.mean(0) - 11 * normalised_weights(log_weight)[0];
  EXPECT_LT(error.abs().max().item<double>(), 2.0 / kPoints);
}

TEST(SamplerResampling, NeverTakesAParticleWithoutWeight) {
  const Tensor log_weight =
      at::tensor({-kInfinity, 0.3, -kInfinity, -700.0, -kInfinity}, at::kDouble);
  for (const double u : {0.0, 0.5, std::nextafter(1.0, 0.0)}) {
    const Tensor ancestors =
        systematic_resampling(log_weight.unsqueeze(0), at::tensor({u}, at::kDouble));
    EXPECT_TRUE((ancestors == 1).all().item<bool>()) << u << " took " << ancestors;
  }
}

TEST(SamplerResampling, WeightsOfAnySizeHaveTheirShareAndMean) {
  const Tensor log_weight =
      at::tensor({std::log(1.0), std::log(3.0), -kInfinity, -kInfinity}, at::kDouble) + 5000;
  EXPECT_NEAR(effective_share(log_weight).item<double>(), 16.0 / (4 * 10), kTight);
  EXPECT_NEAR(log_mean_weight(log_weight).item<double>(), 5000.0, 1e-9);
}

TEST(SamplerLadder, ConditionalSampleSizeIsItsDefinition) {
  const Tensor log_weight = random_log_weights(3, 20, 4);
  const Tensor log_ratio = 4 * random_log_weights(3, 20, 5);
  const Tensor increment = at::tensor({0.01, 0.3, 0.9}, at::kDouble);
  const Tensor weight = log_weight.exp() / log_weight.exp().sum(-1, true);
  const Tensor growth = (increment.unsqueeze(-1) * log_ratio).exp();
  const Tensor expected = (weight * growth).sum(-1).square() / (weight * growth.square()).sum(-1);
  expect_close(conditional_ess_share(log_weight, log_ratio, increment), expected, kTight, "share");
}

TEST(SamplerLadder, NextTemperatureKeepsTheShareThatWasAskedFor) {
  const Tensor log_weight = random_log_weights(4, 200, 6);
  // Differences of the log-densities from 1e2 to 1e12, all on one side and heavy-tailed.
  const Tensor scale = at::tensor({1e2, 1e4, 1e6, 1e12}, at::kDouble).unsqueeze(-1);
  const Tensor log_ratio = -scale * random_log_weights(4, 200, 7).square();
  const Tensor current = at::zeros({4}, at::kDouble);
  const Tensor next = next_inverse_temperature(current, log_weight, log_ratio, 0.9);
  EXPECT_LT(next[3].item<double>(), 1e-11);
  expect_close(conditional_ess_share(log_weight, log_ratio, next), at::full({4}, 0.9, at::kDouble),
               1e-8, "conditional share");
}

TEST(SamplerLadder, LastTemperatureIsOneExactly) {
  const Tensor log_weight = random_log_weights(2, 50, 8);
  const Tensor log_ratio =
      at::stack({random_log_weights(1, 50, 9)[0], at::zeros({50}, at::kDouble)});
  const Tensor current = at::tensor({0.99, 0.1}, at::kDouble);
  expect_same_bits(next_inverse_temperature(current, log_weight, log_ratio, 0.9),
                   at::ones({2}, at::kDouble), "the last temperature");
}

TEST(SamplerLadder, GoesOnWhereTheIncrementIsLostInTheRoundingOfTheTemperature) {
  const Tensor log_weight = random_log_weights(3, 50, 12);
  const Tensor log_ratio = 1e30 * random_log_weights(3, 50, 13);
  const Tensor current = at::tensor({0.3, 1 - 1e-10, 1 - 1e-14}, at::kDouble);
  const Tensor next = next_inverse_temperature(current, log_weight, log_ratio, 0.9);
  EXPECT_TRUE((next > current).all().item<bool>());
  EXPECT_LT(next[1].item<double>(), 1.0);
  EXPECT_EQ(next[2].item<double>(), 1.0);
}

TEST(SamplerLadder, ParticlesWithoutDensityDoNotHoldItBack) {
  Tensor log_weight = random_log_weights(1, 60, 10);
  Tensor log_ratio = 50 * random_log_weights(1, 60, 11);
  const Tensor alone =
      next_inverse_temperature(at::zeros({1}, at::kDouble), log_weight, log_ratio, 0.8);
  const Tensor none = at::full({1, 30}, -kInfinity, at::kDouble);
  const Tensor next = next_inverse_temperature(
      at::zeros({1}, at::kDouble), at::cat({log_weight, at::zeros({1, 30}, at::kDouble)}, 1),
      at::cat({log_ratio, none}, 1), 0.8);
  expect_close(next, alone, kTight, "with 30 of 90 particles where the target is zero");
}

TEST(SamplerLadder, EqualRejectionsLeaveTheLadderAndUnequalOnesMoveItTowardsThem) {
  const Tensor ladder = at::tensor({0.0, 0.1, 0.4, 1.0}, at::kDouble);
  expect_close(equal_rejection_ladder(ladder, at::full({3}, 0.3, at::kDouble)), ladder, kTight,
               "equal");
  // Lengths 0.6, 0.2, 0.2: a third of their sum is 5/9 of the first rung, two thirds 1/3 of the
  // second, in log(β + 0.01).
  const Tensor length = at::tensor({0.6, 0.2, 0.2}, at::kDouble);
  const Tensor moved = equal_rejection_ladder(ladder, length.erf());
  const double first = 0.01 * std::pow(11.0, 5.0 / 9) - 0.01;
  const double second = 0.11 * std::pow(41.0 / 11, 1.0 / 3) - 0.01;
  expect_close(moved, at::tensor({0.0, first, second, 1.0}, at::kDouble), kTight, "unequal");
}

}  // namespace
}  // namespace ergon::testing
