#include "ergon/estimate/estimate.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"

namespace ergon::testing {
namespace {

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

TEST(EstimateMean, OfHandComputedSets) {
  const Tensor values =
      at::tensor({1.0, 3.0, 4.0, 8.0}, at::kDouble).view({2, 2});  // set means 2 and 6
  const Estimate estimate = mean_over_sets(values, {});
  EXPECT_DOUBLE_EQ(estimate.value, 4.0);
  EXPECT_DOUBLE_EQ(estimate.standard_error, std::sqrt(8.0) / std::sqrt(2.0));
  EXPECT_NE(estimate.method.find("2 sets"), std::string::npos);
}

TEST(EstimateMean, LeavesDroppedParticlesOut) {
  const Tensor values = at::tensor({1.0, 99.0, 3.0, 5.0}, at::kDouble).view({2, 2});
  const Tensor alive = at::tensor({1, 0, 1, 1}, at::kInt).to(at::kBool).view({2, 2});
  EXPECT_DOUBLE_EQ(mean_over_sets(values, alive).value, 2.5);
}

TEST(EstimateMean, OfOneSetSaysThatItTakesParticlesAsIndependent) {
  const Estimate estimate =
      mean_over_sets(at::tensor({1.0, 2.0, 3.0}, at::kDouble).view({1, 3}), {});
  EXPECT_DOUBLE_EQ(estimate.value, 2.0);
  EXPECT_DOUBLE_EQ(estimate.standard_error, 1.0 / std::sqrt(3.0));
  EXPECT_NE(estimate.method.find("independent"), std::string::npos);
}

// Weights of N(0, s²) draws for the target exp(-x²/2), Z = √2π.
Tensor gaussian_log_weights(const Tensor& standard, double stddev) {
  const Tensor x = stddev * standard;
  return -0.5 * x.pow(2) + 0.5 * standard.pow(2) + std::log(stddev) + 0.5 * std::log(2 * M_PI);
}

TEST(EstimateLogZ, FindsTheNormaliserWithinItsStandardErrorWhichIsTheRightSize) {
  const double exact = 0.5 * std::log(2 * M_PI);
  double sum_z = 0, sum_z2 = 0;
  constexpr int kRepetitions = 200;
  for (int seed = 0; seed < kRepetitions; ++seed) {
    const Estimate estimate =
        log_z_importance(gaussian_log_weights(normal({20, 50}, 100 + seed), 1.3), {});
    const double z = (estimate.value - exact) / estimate.standard_error;
    sum_z += z;
    sum_z2 += z * z;
  }
  // z is close to Student's t with 19 degrees of freedom: variance 19/17.
  EXPECT_LT(std::abs(sum_z / kRepetitions), 4.0 * std::sqrt(19.0 / 17 / kRepetitions));
  EXPECT_NEAR(sum_z2 / kRepetitions, 19.0 / 17, 4.0 * 1.9 / std::sqrt(kRepetitions));
}

TEST(EstimateLogZ, OfOneSetUsesTheDeltaMethod) {
  const double exact = 0.5 * std::log(2 * M_PI);
  const Estimate estimate = log_z_importance(gaussian_log_weights(normal({1, 4000}, 7), 1.5), {});
  EXPECT_LT(std::abs(estimate.value - exact) / estimate.standard_error, 4.0);
  // Var w / E² = s²/√(2s²-1) - 1 for this pair
  const double variance = 2.25 / std::sqrt(2 * 2.25 - 1) - 1;
  EXPECT_NEAR(estimate.standard_error, std::sqrt(variance / 4000),
              0.1 * std::sqrt(variance / 4000));
}

TEST(EstimateLogZ, EqualWeightsHaveFullEffectiveSampleSizeAndNoError) {
  const Tensor weights = at::full({3, 10}, 2.5, at::kDouble);
  const Estimate estimate = log_z_importance(weights, {});
  EXPECT_NEAR(estimate.value, 2.5, 1e-12);
  EXPECT_NEAR(estimate.standard_error, 0.0, 1e-12);
  EXPECT_NEAR(importance_ess_share(weights, {}), 1.0, 1e-12);
}

TEST(EstimateLogZ, EffectiveSampleSizeIsTheHandComputedOneAndSurvivesHugeWeights) {
  // weights 1 and 3 (times e^1000): (1+3)² / (2 · (1+9)) = 0.8
  const Tensor weights = at::tensor({1000.0, 1000.0 + std::log(3.0)}, at::kDouble).view({1, 2});
  EXPECT_NEAR(importance_ess_share(weights, {}), 0.8, 1e-12);
  const Tensor more =
      at::tensor({1000.0, 1000.0 + std::log(3.0), 5000.0}, at::kDouble).view({1, 3});
  const Tensor alive = at::tensor({1, 1, 0}, at::kInt).to(at::kBool).view({1, 3});
  EXPECT_NEAR(importance_ess_share(more, alive), 0.8, 1e-12);
  EXPECT_NEAR(log_z_importance(more, alive).value, 1000 + std::log(2.0), 1e-9);
}

// Expected numbers: scipy.stats.t.ppf(0.975, degrees), SciPy 1.17.
TEST(EstimateInterval, StudentsQuantileIsTheTabledOne) {
  EXPECT_NEAR(student_t_quantile(1), 12.706204736174694, 1e-8);
  EXPECT_NEAR(student_t_quantile(2), 4.302652729749462, 1e-9);
  EXPECT_NEAR(student_t_quantile(3), 3.1824463052837078, 1e-9);
  EXPECT_NEAR(student_t_quantile(10), 2.228138851986274, 1e-9);
  EXPECT_NEAR(student_t_quantile(29), 2.045229642132703, 1e-9);
  EXPECT_NEAR(student_t_quantile(100), 1.9839715185235518, 1e-9);
  EXPECT_NEAR(student_t_quantile(101), 1.983731002955606, 1e-9);
  EXPECT_NEAR(student_t_quantile(201), 1.971836506779859, 1e-9);
  EXPECT_NEAR(student_t_quantile(1000), 1.9623390808264083, 1e-9);
  EXPECT_THROW(student_t_quantile(0), InvalidInput);
}

TEST(EstimateInterval, OfSetsIsStudentsAndOfOneSetTheNormalOne) {
  const Tensor values = at::tensor({1.0, 3.0, 4.0, 8.0}, at::kDouble).view({2, 2});
  const Estimate of_sets = mean_over_sets(values, {});  // 4 ± 12.706 · 2
  EXPECT_NEAR(of_sets.interval.lower, 4 - 12.706204736 * 2, 1e-8);
  EXPECT_NEAR(of_sets.interval.upper, 4 + 12.706204736 * 2, 1e-8);
  const Estimate of_one = mean_over_sets(values.view({1, 4}), {});
  EXPECT_NEAR(of_one.interval.upper - of_one.value, 1.959963985 * of_one.standard_error, 1e-8);
  const Estimate jackknifed = log_z_importance(values, {});
  EXPECT_NEAR(jackknifed.interval.upper - jackknifed.value,
              12.706204736 * jackknifed.standard_error, 1e-8);
  const Estimate delta = log_z_importance(values.view({1, 4}), {});
  EXPECT_NEAR(delta.value - delta.interval.lower, 1.959963985 * delta.standard_error, 1e-8);
}

// 2000 repetitions: a coverage of 95 % spreads by 0.49 points, four of which are a false alarm of
// 6e-5. With 1.96 in place of Student's t four sets would cover 85.5 %.
TEST(EstimateInterval, OfAFewSetsCoversTheMeanInNineteenOfTwentyRepetitions) {
  const Tensor all = normal({2000, 4, 5}, 21);
  int covered = 0;
  for (int repetition = 0; repetition < 2000; ++repetition) {
    const Interval interval = mean_over_sets(all[repetition], {}).interval;
    covered += interval.lower <= 0 && 0 <= interval.upper ? 1 : 0;
  }
  EXPECT_NEAR(covered / 2000.0, 0.95, 4 * 0.0049);
}

TEST(EstimateInterval, CannotBeHadWithoutAStandardErrorOrAValue) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Interval& interval :
       {interval_around(1.0, std::nan("")), interval_around(-infinity, 1.0),
        interval_around(1.0, infinity, 3), Interval{}}) {
    EXPECT_TRUE(std::isnan(interval.lower));
    EXPECT_TRUE(std::isnan(interval.upper));
  }
}

}  // namespace
}  // namespace ergon::testing
