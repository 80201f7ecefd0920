#include "ergon/estimate/mode_coverage.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"

namespace ergon::testing {
namespace {

Tensor column(std::vector<double> numbers) { return at::tensor(numbers, at::kDouble).unsqueeze(1); }

// Modes at 0, 10, 20, 30.
const Tensor kModes = column({0, 10, 20, 30});

// Draws with the given counts, exactly at those modes.
Tensor at_modes(const std::vector<std::int64_t>& counts) {
  std::vector<Tensor> parts;
  for (std::size_t k = 0; k < counts.size(); ++k)
    parts.push_back(at::full({counts[k], 1}, 10.0 * static_cast<double>(k), at::kDouble));
  return at::cat(parts);
}

ModeCoverageOptions with_weights(std::vector<double> weights) {
  ModeCoverageOptions options;
  options.weights = at::tensor(weights, at::kDouble);
  return options;
}

TEST(EstimateModeCoverage, DrawsBelongToTheNearestModeTheFirstOfEqualOnes) {
  const Tensor found = nearest_modes(column({-3, 4.9, 5, 5.1, 14, 99}), kModes);
  EXPECT_TRUE(found.equal(at::tensor({0, 0, 0, 1, 1, 3}, at::kLong)));
  // beyond one block of rows
  const Tensor many = nearest_modes(at::arange(1300, at::kDouble).unsqueeze(1), column({0, 1000}));
  EXPECT_EQ(many.sum().item<std::int64_t>(), 1300 - 501);
}

TEST(EstimateModeCoverage, NumbersAreTheHandComputedOnes) {
  const auto found = mode_coverage(at_modes({50, 25, 25, 0}), kModes);
  expect_close(found.shares, at::tensor({0.5, 0.25, 0.25, 0.0}, at::kDouble), 1e-15, "shares");
  EXPECT_NEAR(found.entropic.value, 0.75, 1e-14);  // 1.5 of 2 bits
  EXPECT_NEAR(found.entropic_of_weights, 1.0, 1e-14);
  EXPECT_EQ(found.modes_hit, 3);
  EXPECT_EQ(found.modes, 4);
  EXPECT_NEAR(found.total_variation.value, 0.25, 1e-14);
  EXPECT_NEAR(found.kl_divergence.value, 0.5 * std::log(2.0), 1e-14);
  // log2 f = -1, -2, -2 with probabilities ½, ¼, ¼: variance ¼; in units of 2 bits, over 100 draws
  EXPECT_NEAR(found.entropic.standard_error, 0.5 / 2 / 10, 1e-14);
  // log (f/w) = log 2, 0, 0: variance ¼ log² 2
  EXPECT_NEAR(found.kl_divergence.standard_error, 0.5 * std::log(2.0) / 10, 1e-14);
  // ½ sign(f - w) = ½, 0, 0
  EXPECT_NEAR(found.total_variation.standard_error, 0.25 / 10, 1e-14);
  EXPECT_NEAR(found.kl_divergence_floor, 3.0 / 200, 1e-15);
}

TEST(EstimateModeCoverage, DrawsInTheTrueSharesAreAtDistanceZero) {
  const auto found = mode_coverage(at_modes({10, 20, 30, 40}), kModes, with_weights({1, 2, 3, 4}));
  EXPECT_NEAR(found.total_variation.value, 0, 1e-15);
  EXPECT_NEAR(found.kl_divergence.value, 0, 1e-15);
  EXPECT_NEAR(found.entropic.value, found.entropic_of_weights, 1e-14);
  EXPECT_EQ(found.modes_hit, 4);
}

TEST(EstimateModeCoverage, AModeIsHitByItsShareOfTheExpectedDraws) {
  ModeCoverageOptions options;
  const Tensor draws = at_modes({60, 30, 8, 2});
  options.hit_share = 0.1;  // of 25 draws
  EXPECT_EQ(mode_coverage(draws, kModes, options).modes_hit, 3);
  options.hit_share = 0.5;
  EXPECT_EQ(mode_coverage(draws, kModes, options).modes_hit, 2);
  options.hit_share = 1e-6;
  EXPECT_EQ(mode_coverage(at_modes({60, 30, 10, 0}), kModes, options).modes_hit, 3);
}

TEST(EstimateModeCoverage, AModeOfWeightZeroCountsOnlyAgainst) {
  const auto options = with_weights({1, 1, 1, 0});
  const auto without = mode_coverage(at_modes({10, 10, 10, 0}), kModes, options);
  EXPECT_EQ(without.modes, 3);
  EXPECT_EQ(without.modes_hit, 3);
  EXPECT_NEAR(without.kl_divergence.value, 0, 1e-15);
  const auto found = mode_coverage(at_modes({10, 10, 0, 10}), kModes, options);
  EXPECT_EQ(found.modes_hit, 2);
  EXPECT_NEAR(found.total_variation.value, 1.0 / 3, 1e-14);
  EXPECT_EQ(found.kl_divergence.value, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(found.kl_divergence.standard_error));
}

TEST(EstimateModeCoverage, OfOneModeIsWhole) {
  const auto found = mode_coverage(column({1, 2, 3}), column({0}));
  EXPECT_EQ(found.entropic.value, 1.0);
  EXPECT_EQ(found.modes_hit, 1);
  EXPECT_EQ(found.total_variation_floor, 0.0);
}

// Shares of 400 multinomial draws, away from the true weights, over 1000 repetitions.
TEST(EstimateModeCoverage, StandardErrorsAreTheSpreadAndFloorsTheMeanOfRepetitions) {
  const int repetitions = 1000;
  const Tensor law = at::tensor({0.4, 0.3, 0.2, 0.1}, at::kDouble);
  const auto same = with_weights({0.4, 0.3, 0.2, 0.1});
  const Tensor found = at::empty({repetitions, 8}, at::kDouble);
  for (int i = 0; i < repetitions; ++i) {
    const Tensor uniform =
        draw::uniform_like(at::empty({400, 1}, at::kDouble),
                           Seed(1).child("u", static_cast<std::uint64_t>(i)).generator());
    const Tensor draws =
        10 * (uniform > law.cumsum(0).narrow(0, 0, 3)).sum(1, true).to(at::kDouble);
    const auto other = mode_coverage(draws, kModes);
    const auto own = mode_coverage(draws, kModes, same);
    found[i] = at::tensor(
        {other.entropic.value, other.entropic.standard_error, other.total_variation.value,
         other.total_variation.standard_error, other.kl_divergence.value,
         other.kl_divergence.standard_error, own.total_variation.value, own.kl_divergence.value},
        at::kDouble);
  }
  for (const int k : {0, 2, 4}) {
    const double spread = found.select(1, k).std(/*unbiased=*/true).item<double>();
    const double stated = found.select(1, k + 1).square().mean().sqrt().item<double>();
    EXPECT_NEAR(stated / spread, 1.0, 4 / std::sqrt(2.0 * repetitions)) << k;  // false alarm 6e-5
  }
  const auto floors = mode_coverage(at_modes({100, 100, 100, 100}), kModes, same);
  const auto near = [&](int k, double floor) {
    const Tensor values = found.select(1, k);
    const double error = values.std(/*unbiased=*/true).item<double>() / std::sqrt(repetitions);
    EXPECT_NEAR(values.mean().item<double>(), floor, 4 * error) << k;
  };
  near(6, floors.total_variation_floor);
  near(7, floors.kl_divergence_floor);
}

TEST(EstimateModeCoverage, TheFloorIsTheSumOverBinomialCounts) {
  // n = 3, w = ½: |X/3 - ½| is ½ with probability ¼ and 1/6 with ¾: mean ¼ for each mode, half of
  // two
  const auto found = mode_coverage(at_modes({2, 1}), column({0, 10}));
  EXPECT_NEAR(found.total_variation_floor, 0.25, 1e-14);
}

TEST(EstimateModeCoverage, CorrelatedDrawsCountAsTheirEffectiveNumber) {
  ModeCoverageOptions options;
  options.effective_draws = 25;
  const auto all = mode_coverage(at_modes({50, 25, 25, 0}), kModes);
  const auto fewer = mode_coverage(at_modes({50, 25, 25, 0}), kModes, options);
  EXPECT_EQ(fewer.entropic.value, all.entropic.value);
  EXPECT_NEAR(fewer.entropic.standard_error, 2 * all.entropic.standard_error, 1e-14);
  EXPECT_NEAR(fewer.kl_divergence_floor, 4 * all.kl_divergence_floor, 1e-14);
}

TEST(EstimateModeCoverage, RefusesWhatCannotBeCounted) {
  const Tensor draws = at_modes({2, 2});
  EXPECT_THROW(mode_coverage(draws, at::zeros({2, 2})), InvalidInput);
  EXPECT_THROW(mode_coverage(draws, at::zeros({0, 1})), InvalidInput);
  EXPECT_THROW(mode_coverage(draws, {}), InvalidInput);
  EXPECT_THROW(mode_coverage(draws, kModes / 0.0), InvalidInput);
  EXPECT_THROW(mode_coverage(draws / 0.0, kModes), InvalidInput);
  EXPECT_THROW(mode_coverage(draws[0], kModes), InvalidInput);
  EXPECT_THROW(mode_coverage(draws, kModes, with_weights({1, 1})), InvalidInput);
  EXPECT_THROW(mode_coverage(draws, kModes, with_weights({1, 1, 1, -1})), InvalidInput);
  EXPECT_THROW(mode_coverage(draws, kModes, with_weights({0, 0, 0, 0})), InvalidInput);
  ModeCoverageOptions options;
  options.hit_share = 0;
  EXPECT_THROW(mode_coverage(draws, kModes, options), InvalidInput);
  options.hit_share = 0.1;
  options.effective_draws = 0;
  EXPECT_THROW(mode_coverage(draws, kModes, options), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
