#include "ergon/estimate/expectation.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/tolerance.hpp"
#include "support/weighted_gaussian.hpp"

namespace ergon::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor column(std::vector<double> numbers) { return at::tensor(numbers, at::kDouble); }

TEST(EstimateExpectation, OfTwoDrawsIsTheHandComputedOne) {
  // w = 1, 3; f = 0, 4: mean 3, variance (1·9 + 3·1)/4 = 3; influences w̃ (f - 3) = -3/2, 3/2
  const auto found =
      expectation_under_weights(column({0, 4}).view({2, 1}), {column({0, std::log(3.0)}), {}, {}});
  EXPECT_NEAR(found.mean.item<double>(), 3.0, tolerance<double>());
  EXPECT_NEAR(found.stddev.item<double>(), std::sqrt(3.0), tolerance<double>());
  EXPECT_NEAR(found.standard_error.item<double>(), 1.5, tolerance<double>());
}

TEST(EstimateExpectation, OfEqualWeightsIsThePlainMeanWithItsStandardError) {
  const Tensor f = draw::normal_like(at::empty({50, 3}, at::kDouble), Seed(1).generator());
  const auto found = expectation_under_weights(f, {at::full({50}, 7.0, at::kDouble), {}, {}});
  const double scale = 10 * tolerance<double>();
  EXPECT_TRUE(at::allclose(found.mean, f.mean(0), 0, scale));
  EXPECT_TRUE(at::allclose(found.stddev, f.std(0, false), 0, scale));
  EXPECT_TRUE(at::allclose(found.standard_error, f.std(0, true) / std::sqrt(50.0), 0, scale));
}

TEST(EstimateExpectation, DrawsOfWeightZeroDoNotCountWhateverTheyAre) {
  const Tensor weight = column({0, 1, -kInfinity});
  const auto with =
      expectation_under_weights(column({2, 5, std::nan("")}).view({3, 1}), {weight, {}, {}});
  const auto without =
      expectation_under_weights(column({2, 5}).view({2, 1}), {weight.narrow(0, 0, 2), {}, {}});
  EXPECT_NEAR(with.mean.item<double>(), without.mean.item<double>(), tolerance<double>());
  EXPECT_NEAR(with.stddev.item<double>(), without.stddev.item<double>(), tolerance<double>());
  EXPECT_THROW(expectation_under_weights(column({1}).view({1, 1}), {column({-kInfinity}), {}, {}}),
               NumericalFailure);
}

TEST(EstimateExpectation, StrataTakeTheSpreadBetweenThemOutOfTheError) {
  // Two strata that differ by a constant: no error is left.
  const WeightedDraws draws = {
      at::zeros({4}, at::kDouble), {}, at::tensor({5, 5, 9, 9}, at::kLong)};
  const auto found = expectation_under_weights(column({1, 1, 3, 3}).view({4, 1}), draws);
  EXPECT_NEAR(found.mean.item<double>(), 2.0, tolerance<double>());
  EXPECT_NEAR(found.standard_error.item<double>(), 0.0, tolerance<double>());
}

// 400 repetitions: the stated error is within 15 % of the true one, 4 of its own standard errors;
// the mean within 4 standard errors: false-alarm rate 1e-4 each.
TEST(EstimateExpectation, TheStandardErrorIsThatOverRepetitions) {
  const WeightedGaussian problem = {1, 1.5};
  const std::int64_t repetitions = 400, n = 500;
  double sum = 0, squares = 0, stated = 0;
  for (std::int64_t i = 0; i < repetitions; ++i) {
    const Tensor x = problem.stddev * draw::normal_like(at::empty({n, 1}, at::kDouble),
                                                        Seed(3).child("x", i).generator());
    const auto found = expectation_under_weights(x, {problem.log_weight(x), {}, {}});
    sum += found.mean.item<double>();
    squares += found.mean.square().item<double>();
    stated += found.standard_error.square().item<double>();
  }
  const auto count = static_cast<double>(repetitions);
  const double variance = squares / count - sum * sum / count / count;
  EXPECT_NEAR(std::sqrt(stated / count / variance), 1.0, 0.15);
  EXPECT_NEAR(sum / count, 0.0, 4 * std::sqrt(variance / count));
}

}  // namespace
}  // namespace ergon::testing
