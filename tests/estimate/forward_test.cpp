#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/estimate/importance.hpp"
#include "support/weighted_gaussian.hpp"

namespace ergon::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Tensor column(std::vector<double> numbers) { return at::tensor(numbers, at::kDouble); }

// Z / E_p[w] for p = N(0, I), q = N(0, s² I): E_p[p/q] = (s / √(2 - 1/s²))^D.
double exact_share(std::int64_t dim, double s) {
  return std::pow(std::sqrt(2 - 1 / (s * s)) / s, static_cast<double>(dim));
}

TEST(EstimateForward, OfTwoDrawsIsTheHandComputedOne) {
  // w = 1, 3: mean 2, mean of 1/w 2/3
  const auto found = forward_estimates(column({0, std::log(3.0)}));
  EXPECT_NEAR(found.log_z.value, std::log(1.5), 1e-14);
  // Ẑ/w = 3/2, 1/2: standard deviation √½, over √2
  EXPECT_NEAR(found.log_z.standard_error, 0.5, 1e-14);
  EXPECT_NEAR(found.ess_share.value, 0.75, 1e-14);
  // w/mean = ½, 3/2: their sum with Ẑ/w is 2 both times, so the ratio does not vary to first order
  EXPECT_NEAR(found.ess_share.standard_error, 0.0, 1e-14);
  EXPECT_NEAR(found.eubo.value, 0.5 * std::log(3.0), 1e-14);
  EXPECT_EQ(found.draws, 2);
}

TEST(EstimateForward, EqualWeightsAreWorthAllTheirDraws) {
  const auto found = forward_estimates(at::full({10}, 700.0, at::kDouble));
  EXPECT_NEAR(found.log_z.value, 700.0, 1e-12);
  EXPECT_NEAR(found.ess_share.value, 1.0, 1e-12);
  EXPECT_EQ(found.ess_share.standard_error, 0.0);
}

TEST(EstimateForward, FindsClosedFormsAndItsStandardErrorsAreTheSpreadOfRepetitions) {
  // 1/w has a fourth moment for s² > 3/4 below, w for s² < 4/3 above
  for (const double s : {0.95, 1.1}) {
    const WeightedGaussian gaussian{2, s};
    const int repetitions = 400;
    double sums[2] = {}, squares[2] = {}, stated[2] = {};
    for (int i = 0; i < repetitions; ++i) {
      const Tensor x =
          draw::normal_like(at::empty({2000, 2}, at::kDouble),
                            Seed(1).child("x", static_cast<std::uint64_t>(i)).generator());
      const auto found = forward_estimates(gaussian.log_weight(x));
      const double errors[2] = {found.log_z.value - gaussian.log_z(),
                                found.ess_share.value - exact_share(2, s)};
      const double own[2] = {found.log_z.standard_error, found.ess_share.standard_error};
      for (int k = 0; k < 2; ++k) {
        sums[k] += errors[k];
        squares[k] += errors[k] * errors[k];
        stated[k] += own[k] * own[k];
      }
    }
    for (int k = 0; k < 2; ++k) {
      const double mean = sums[k] / repetitions;
      const double variance = (squares[k] - repetitions * mean * mean) / (repetitions - 1);
      // biases of O(1/n) are below half a standard error of the mean over 400: false alarm 5e-4
      EXPECT_LT(std::abs(mean), 4 * std::sqrt(variance / repetitions)) << s << " " << k;
      EXPECT_NEAR(std::sqrt(stated[k] / repetitions / variance), 1.0, 4 / std::sqrt(800.0))
          << s << " " << k;
    }
  }
}

TEST(EstimateForward, SeesAMissingModeThatTheReverseShareDoesNot) {
  // p = ½ N(-6, 1) + ½ N(6, 1), q = N(6, 1) with 1e-3 of N(-6, 1)
  const Tensor x = draw::normal_like(at::empty({2000}, at::kDouble), Seed(2).generator());
  const Tensor exact = x + 12 * (at::arange(2000) % 2).to(at::kDouble) - 6;
  const auto log_weight = [](const Tensor& at_draws) {
    const Tensor left = -0.5 * (at_draws + 6).square(), right = -0.5 * (at_draws - 6).square();
    return at::logaddexp(left, right) + std::log(0.5) -
           at::logaddexp(left + std::log(1e-3), right + std::log1p(-1e-3));
  };
  // modes so far apart weigh 500 and ½/0.999, so the share is near 4e-3
  const double mean_weight = (500 + 0.5 / 0.999) / 2;
  EXPECT_NEAR(forward_estimates(log_weight(exact)).ess_share.value, 1 / mean_weight, 1e-3 / 250);
  EXPECT_GT(importance_estimates({log_weight(x + 6), at::zeros({2000}, at::kDouble)}).ess_share,
            0.99);
}

TEST(EstimateForward, ADrawWhereTheProposalIsZeroLeavesNoEffectiveDraws) {
  const auto found = forward_estimates(column({0.0, kInfinity, 0.0}));
  EXPECT_NEAR(found.log_z.value, std::log(1.5), 1e-14);
  EXPECT_TRUE(std::isfinite(found.log_z.standard_error));
  EXPECT_EQ(found.ess_share.value, 0.0);
  EXPECT_TRUE(std::isnan(found.ess_share.standard_error));
  EXPECT_EQ(found.eubo.value, kInfinity);
}

TEST(EstimateForward, RefusesWeightsThatCannotBe) {
  EXPECT_THROW(forward_estimates(column({0.1, kNaN})), NumericalFailure);
  EXPECT_THROW(forward_estimates(column({0.1, -kInfinity})), NumericalFailure);
  EXPECT_THROW(forward_estimates(column({kInfinity, kInfinity})), NumericalFailure);
  EXPECT_THROW(forward_estimates(column({0.1})), InvalidInput);
  EXPECT_THROW(forward_estimates({}), InvalidInput);
  EXPECT_THROW(forward_estimates(at::zeros({2, 2}, at::kDouble)), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
