#include "ergon/stein/bandwidth.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/golden_step.hpp"
#include "support/random_step.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kSmallest = 1e-6;

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

// r² of all ordered pairs, (M²), float64.
Tensor all_squares(const Tensor& particles) {
  const Tensor x = particles.to(at::kDouble);
  return (x.unsqueeze(0) - x.unsqueeze(1)).pow(2).sum(-1).flatten();
}

double two_log(const Tensor& particles) {
  return 2 * std::log(static_cast<double>(particles.size(-2)) + 1);
}

TEST(SteinBandwidth, HeuristicsReproduceTheReference) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    const Tensor& x = step.at("x");
    // The reference adds 1e-8 to 2σ² in places; 1e-7 relative covers it.
    expect_close(stein::median_bandwidth(x), step.at("sigma_heur_median"), 1e-7,
                 step.name + " median");
    expect_close(stein::mean_bandwidth(x), step.at("sigma_heur_mean"), 1e-7, step.name + " mean");
    expect_close(stein::fourth_bandwidth(x), step.at("sigma_heur_fourth"), 1e-7,
                 step.name + " fourth");
    expect_close(stein::mmd_bandwidth(x), step.at("sigma_heur_mmd"), 1e-7, step.name + " mmd");
  }
}

TEST(SteinBandwidth, MedianOfThreeParticlesIsTheHandComputedOne) {
  // Pairs of {0, 1, 3}: r² = 0,0,0, 1,1, 4,4, 9,9; the middle one of nine is 1.
  const Tensor x = at::tensor({0.0, 1.0, 3.0}, at::kDouble).view({3, 1});
  EXPECT_NEAR(stein::median_bandwidth(x).item<double>(), std::sqrt(1.0 / (2 * std::log(4.0))),
              1e-14);
}

TEST(SteinBandwidth, DroppedParticlesDoNotCount) {
  const auto step = random_step(2, 8, 3, 21);
  Tensor alive = at::ones({2, 8}, at::kBool);
  alive.select(1, 5).fill_(false);
  const Tensor kept = at::cat({step.particles.narrow(1, 0, 5), step.particles.narrow(1, 6, 2)}, 1);
  expect_close(stein::median_bandwidth(step.particles, alive), stein::median_bandwidth(kept),
               kTight, "median");
  expect_close(stein::mean_bandwidth(step.particles, alive), stein::mean_bandwidth(kept), kTight,
               "mean");
}

TEST(SteinBandwidth, StaysPositiveWhenAllParticlesCoincide) {
  const Tensor x = at::ones({4, 2}, at::kDouble);
  EXPECT_GT(stein::median_bandwidth(x).item<double>(), 0.0);
  EXPECT_GT(stein::mmd_bandwidth(x).item<double>(), 0.0);
}

TEST(SteinBandwidth, MediansAreExactUpToTheStatedSize) {
  for (const std::int64_t count : {3, 4, 5, 9, 10, 14, 15, 33, 100, 511, 512, 513}) {
    for (const std::int64_t dim : {1, 6, 65}) {
      if (count > 100 && dim > 6) continue;
      const std::string name = std::to_string(count) + " x " + std::to_string(dim);
      for (const auto type : {at::kFloat, at::kDouble}) {
        const Tensor x = (normal({count, dim}, 4) + 2).to(type);
        const Tensor median = std::get<0>(all_squares(x).median(0));
        const Tensor sigma = stein::median_bandwidth(x);
        EXPECT_EQ(sigma.scalar_type(), type);
        expect_close(sigma, (median / two_log(x)).sqrt(), tolerance(type), "median " + name);
        expect_close(stein::mmd_bandwidth(x), 0.1 * median.sqrt(), tolerance(type), "mmd " + name);
      }
    }
  }
}

TEST(SteinBandwidth, MeansAreThoseOfAllPairsFarFromTheOrigin) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Tensor x = (normal({70, 5}, 8) + 1e4).to(type);
    const Tensor mean = all_squares(x).mean();
    expect_close(stein::mean_bandwidth(x), (mean / two_log(x)).sqrt(), tolerance(type), "mean");
    expect_close(stein::fourth_bandwidth(x), (mean / (2 * two_log(x))).sqrt(), tolerance(type),
                 "fourth");
  }
}

// By how much the share of ordered pairs below the median misses one half; 0 where pairs equal it.
double rank_error(const Tensor& particles) {
  const double sigma = stein::median_bandwidth(particles).item<double>();
  const double median = sigma * sigma * two_log(particles);
  double below = 0, not_above = 0, pairs = 0;
  for (std::int64_t i = 0; i < particles.size(0); ++i) {
    const Tensor squared = (particles - particles[i]).pow(2).sum(-1);
    below += squared.lt(median * (1 - kTight)).sum().item<double>();
    not_above += squared.le(median * (1 + kTight)).sum().item<double>();
    pairs += static_cast<double>(squared.size(0));
  }
  return std::max({0.0, below / pairs - 0.5, 0.5 - not_above / pairs});
}

const double kRankDeviation = 0.5 / std::sqrt(static_cast<double>(stein::kMedianPairs));

// Clouds whose particles' order says where they are, and others.
std::vector<std::pair<std::string, Tensor>> clouds(std::int64_t count) {
  const Tensor z = normal({count, 2}, static_cast<std::uint64_t>(count));
  const Tensor place = at::arange(count, at::kDouble).unsqueeze(1);
  const Tensor third = (place * 3 / count).floor();
  return {{"Gaussian", z},
          {"three clusters in order", z + 40 * third * third},
          {"two clusters by turns", z + 30 * place.remainder(2)},
          {"heavy tails", z / normal({count, 1}, 3)},
          {"a line in order", place.expand({count, 2})},
          {"a lattice", (3 * z).round()},
          {"a spiral", at::cat({place * (place / 50).cos(), place * (place / 50).sin()}, 1)}};
}

// Four standard deviations: one false alarm in 16,000 a case.
TEST(SteinBandwidth, MediansOfManyParticlesHaveTheStatedRank) {
  for (const std::int64_t count : {514, 1024, 1500, 3000}) {
    for (const auto& [name, x] : clouds(count))
      EXPECT_LT(rank_error(x), 4 * kRankDeviation) << name << ", " << count << " particles";
  }
}

// The square of the root mean square error of 40 independent clouds is within 1 + 4 √(2/40) of its
// expectation, at most the square of the deviation stated.
TEST(SteinBandwidth, RankErrorsOfMediansAreNotLargerThanStated) {
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    sum += std::pow(rank_error(normal({1024, 2}, 100 + seed)), 2);
  RecordProperty("rank_rms", std::to_string(std::sqrt(sum / 40)));
  EXPECT_LT(sum / 40, kRankDeviation * kRankDeviation * (1 + 4 * std::sqrt(2.0 / 40)));
  EXPECT_GT(sum, 0);
}

TEST(SteinBandwidth, ManyCoincidentParticlesGiveTheSmallestBandwidth) {
  const Tensor x = at::full({1024, 3}, 0.1, at::kDouble);
  EXPECT_EQ(stein::median_bandwidth(x).item<double>(), kSmallest);
  EXPECT_EQ(stein::mmd_bandwidth(x).item<double>(), kSmallest);
}

TEST(SteinBandwidth, OneOrTwoParticlesGiveTheSmallestMedianAndNoneGiveNaN) {
  for (const std::int64_t count : {1, 2}) {
    EXPECT_EQ(stein::median_bandwidth(normal({count, 3}, 1)).item<double>(), kSmallest);
  }
  const Tensor x = normal({2, 4, 3}, 1);
  const Tensor alive = at::zeros({2, 4}, at::kBool);
  alive[0].fill_(true);
  for (const auto rule : {stein::median_bandwidth, stein::mean_bandwidth, stein::fourth_bandwidth,
                          stein::mmd_bandwidth}) {
    EXPECT_TRUE(rule(normal({0, 3}, 1), {}).isnan().item<bool>());
    const Tensor sigma = rule(x, alive);
    expect_close(sigma[0], rule(x[0], {}), kTight, "all live");
    EXPECT_TRUE(sigma[1].isnan().item<bool>());
    EXPECT_EQ(rule(normal({0, 4, 3}, 1), {}).numel(), 0);
  }
}

TEST(SteinBandwidth, WhatIsNotFiniteCountsOnlyWhereItIsAlive) {
  const Tensor x = normal({4, 9, 3}, 2);
  const Tensor alive = at::ones({4, 9}, at::kBool);
  x[1][2][0] = kNaN;
  x[2][8][1] = -std::numeric_limits<double>::infinity();
  x[3][4].fill_(kNaN);
  alive[3][4] = false;
  const Tensor kept = at::cat({x[3].narrow(0, 0, 4), x[3].narrow(0, 5, 4)});
  for (const auto rule : {stein::median_bandwidth, stein::mean_bandwidth, stein::fourth_bandwidth,
                          stein::mmd_bandwidth}) {
    const Tensor sigma = rule(x, alive);
    expect_close(sigma[0], rule(x[0], {}), kTight, "finite");
    EXPECT_TRUE(sigma.narrow(0, 1, 2).isnan().all().item<bool>());
    expect_close(sigma[3], rule(kept, {}), kTight, "dropped");
  }
}

TEST(SteinBandwidth, SquaresBeyondTheRangeOfFloatAreNoObstacle) {
  const Tensor x = normal({30, 7}, 2).to(at::kFloat);
  const float far = std::ldexp(1.0f, 100);
  for (const auto rule : {stein::median_bandwidth, stein::mean_bandwidth, stein::fourth_bandwidth,
                          stein::mmd_bandwidth})
    expect_close(rule(x * far, {}), rule(x, {}) * far, tolerance<float>(), "scaled");
}

TEST(SteinBandwidth, LeadingDimensionsAreIndependentSets) {
  const Tensor x = normal({2, 3, 4, 11}, 6).transpose(-1, -2).requires_grad_(true);
  const Tensor alive = normal({2, 3, 11}, 7) > -1;
  for (const auto rule : {stein::median_bandwidth, stein::mean_bandwidth, stein::fourth_bandwidth,
                          stein::mmd_bandwidth}) {
    const Tensor sigma = rule(x, alive);
    ASSERT_EQ(sigma.sizes(), at::IntArrayRef({2, 3}));
    EXPECT_FALSE(sigma.requires_grad());
    for (std::int64_t set = 0; set < 6; ++set) {
      expect_close(sigma[set / 3][set % 3], rule(x[set / 3][set % 3], alive[set / 3][set % 3]),
                   kTight, "set " + std::to_string(set));
    }
  }
}

TEST(SteinBandwidth, ShapesThatDoNotFitAreInvalidInput) {
  EXPECT_THROW(stein::median_bandwidth(normal({4}, 1)), InvalidInput);
  EXPECT_THROW(stein::mean_bandwidth(normal({4, 2}, 1), at::ones({3}, at::kBool)), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
