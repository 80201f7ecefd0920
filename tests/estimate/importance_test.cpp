#include "ergon/estimate/importance.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
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
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Tensor column(std::vector<double> numbers) { return at::tensor(numbers, at::kDouble); }

// Mean and variance of numbers that come one by one.
struct Spread {
  double count = 0, sum = 0, squares = 0;
  void add(double number) {
    count += 1;
    sum += number;
    squares += number * number;
  }
  double mean() const { return sum / count; }
  double variance() const { return (squares - sum * sum / count) / (count - 1); }
};

// An estimate over repetitions: its errors against the truth and the variances that it states.
struct Repeated {
  Spread error, stated_variance;
  void add(const Estimate& estimate, double truth) {
    error.add(estimate.value - truth);
    stated_variance.add(estimate.standard_error * estimate.standard_error);
  }
  // Root of stated over true variance; with normal errors known to 1/√(2 · repetitions).
  double stated_over_true() const { return std::sqrt(stated_variance.mean() / error.variance()); }
};

TEST(EstimateImportance, OfTwoDrawsIsTheHandComputedOne) {
  // w = 1, 3 and p̄ = 2, 4: Ẑ = 2, E_p[log p̄] = (log 2 + 3 log 4)/4, w/Ẑ = ½, 3/2
  const auto found = importance_estimates(
      {column({0, std::log(3.0)}), column({std::log(2.0), std::log(4.0)}), {}});
  EXPECT_NEAR(found.log_z.value, std::log(2.0), 1e-14);
  EXPECT_NEAR(found.log_z.standard_error, 0.5, 1e-14);
  EXPECT_NEAR(found.log_z.interval.lower, std::log(2.0) - 0.97998, 1e-5);
  EXPECT_NEAR(found.log_z.interval.upper, std::log(2.0) + 0.97998, 1e-5);
  EXPECT_NEAR(found.entropy.value, -0.75 * std::log(2.0), 1e-14);
  // influences: -½ + ½ · ¾ log 2 and ½ - 3/2 · ¼ log 2, negatives of each other
  EXPECT_NEAR(found.entropy.standard_error, 0.5 - 0.375 * std::log(2.0), 1e-14);
  EXPECT_NEAR(found.elbo.value, 0.5 * std::log(3.0), 1e-14);
  EXPECT_NEAR(found.elbo.standard_error, 0.5 * std::log(3.0), 1e-14);
  EXPECT_NEAR(found.ess_share, 0.8, 1e-14);
  EXPECT_EQ(found.draws, 2);
  EXPECT_TRUE(std::isnan(found.pareto_k));
}

TEST(EstimateImportance, MeanWeightIsUnbiasedForTheNormaliser) {
  const WeightedGaussian gaussian{2, 1.4};
  Spread ratio;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const auto found = importance_estimates(gaussian.draw(20, Seed(seed).generator()));
    ratio.add(std::exp(found.log_z.value - gaussian.log_z()));
  }
  // four standard errors: false alarm 6e-5
  EXPECT_NEAR(ratio.mean(), 1.0, 4 * std::sqrt(ratio.variance() / ratio.count));
}

TEST(EstimateImportance, FindsClosedFormsAndItsStandardErrorsAreTheSpreadOfRepetitions) {
  for (const double stddev : {0.85, 1.3, 2.5}) {
    const WeightedGaussian gaussian{2, stddev};
    Repeated log_z, entropy, elbo;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      const auto found =
          importance_estimates(gaussian.draw(1000, Seed(seed).child("spread").generator()));
      log_z.add(found.log_z, gaussian.log_z());
      entropy.add(found.entropy, gaussian.entropy());
      elbo.add(found.elbo, gaussian.elbo());
    }
    for (const Repeated* one : {&log_z, &entropy, &elbo}) {
      // The bias of log Z and entropy, O(1/n), is at most 0.06 of one repetition's error, 1.2
      // standard errors of the mean over 400: 5 of them are a false alarm of 2e-4. The spread is
      // known to 1/√800 and the stated one much better: false alarm 6e-5.
      EXPECT_LT(std::abs(one->error.mean()), 5 * std::sqrt(one->error.variance() / 400)) << stddev;
      EXPECT_NEAR(one->stated_over_true(), 1.0, 4 / std::sqrt(2.0 * 400)) << stddev;
    }
  }
}

TEST(EstimateImportance, ControlVariatesShrinkTheEntropysErrorAndStayCalibrated) {
  const WeightedGaussian gaussian{4, 1.03};
  Repeated plain, controlled;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Tensor x = 1.03 * draw::normal_like(at::empty({1000, 4}, at::kDouble),
                                              Seed(seed).child("control").generator());
    WeightedDraws draws;
    draws.log_weight = gaussian.log_weight(x);
    draws.log_density = -0.5 * x.square().sum(1);
    plain.add(importance_estimates(draws).entropy, gaussian.entropy());
    const Tensor score = -x / (1.03 * 1.03);
    draws.control = at::cat({score, 1 + x * score}, 1);  // Stein's identity of the proposal
    const auto found = importance_estimates(draws);
    controlled.add(found.entropy, gaussian.entropy());
  }
  // The better the proposal, the more they explain: at s = 1.1 three quarters of the variance.
  EXPECT_LT(controlled.error.variance(), 0.1 * plain.error.variance());
  EXPECT_LT(std::abs(controlled.error.mean()), 5 * std::sqrt(controlled.error.variance() / 400));
  EXPECT_NEAR(controlled.stated_over_true(), 1.0, 4 / std::sqrt(2.0 * 400));
}

TEST(EstimateImportance, LinearlyDependentControlVariatesAreHarmless) {
  const WeightedGaussian gaussian{2, 1.2};
  const Tensor x = 1.2 * draw::normal_like(at::empty({500, 2}, at::kDouble), Seed(5).generator());
  WeightedDraws draws;
  draws.log_weight = gaussian.log_weight(x);
  draws.log_density = -0.5 * x.square().sum(1);
  draws.control = x;
  const auto once = importance_estimates(draws);
  draws.control = at::cat({x, 2 * x, at::zeros({500, 1}, at::kDouble)}, 1);
  const auto twice = importance_estimates(draws);
  EXPECT_NEAR(twice.entropy.value, once.entropy.value, 1e-6);
}

TEST(EstimateImportance, UpperBoundAtExactDrawsFindsItsClosedForm) {
  const WeightedGaussian gaussian{3, 1.7};
  const Tensor exact = draw::normal_like(at::empty({4000, 3}, at::kDouble), Seed(3).generator());
  const Estimate eubo = evidence_upper_bound(gaussian.log_weight(exact));
  EXPECT_LT(std::abs(eubo.value - gaussian.eubo()), 4 * eubo.standard_error);
  // log w is a quadratic form: its standard deviation is |1 - 1/s²| √(D/2)
  const double exact_error = (1 - 1 / (1.7 * 1.7)) * std::sqrt(1.5 / 4000);
  EXPECT_NEAR(eubo.standard_error, exact_error, 0.1 * exact_error);
  EXPECT_NEAR(eubo.interval.upper - eubo.value, 1.959964 * eubo.standard_error, 1e-6);
  EXPECT_GT(eubo.value, gaussian.log_z() + 4 * eubo.standard_error);
}

TEST(EstimateImportance, UpperBoundIsInfiniteWhereTheProposalMissesATargetsDraw) {
  const Estimate eubo = evidence_upper_bound(column({0.1, kInfinity, 0.3}));
  EXPECT_EQ(eubo.value, kInfinity);
  EXPECT_TRUE(std::isnan(eubo.standard_error));
  EXPECT_TRUE(std::isnan(eubo.interval.lower));
  EXPECT_THROW(evidence_upper_bound(column({0.1, kNaN})), NumericalFailure);
  EXPECT_THROW(evidence_upper_bound(column({0.1, -kInfinity})), NumericalFailure);
  EXPECT_THROW(evidence_upper_bound(at::zeros({2, 2}, at::kDouble)), InvalidInput);
}

Tensor log_normal_density(const Tensor& x, double mean, double stddev) {
  return -0.5 * ((x - mean) / stddev).square() - std::log(stddev) - 0.5 * std::log(2 * M_PI);
}

// Proposal ½ N(-2, 1) + ½ N(2, 1) with as many draws of each, target 0.1 N(-2, 1) + 0.9 N(2, 1).
WeightedDraws two_strata(std::int64_t of_each, std::uint64_t seed) {
  const Tensor stratum = at::arange(2 * of_each).div(of_each, "floor");
  const Tensor x = 4 * stratum.to(at::kDouble) - 2 +
                   draw::normal_like(at::empty({2 * of_each}, at::kDouble), Seed(seed).generator());
  const Tensor left = log_normal_density(x, -2, 1), right = log_normal_density(x, 2, 1);
  const Tensor target = at::logaddexp(left + std::log(0.1), right + std::log(0.9));
  return {target - at::logaddexp(left, right) + std::log(2.0), target, stratum};
}

TEST(EstimateImportance, StandardErrorsWithinStrataAreTheSpreadAndLeaveOutWhatIsBetweenStrata) {
  Repeated labelled, unlabelled, entropy;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    WeightedDraws draws = two_strata(250, seed);
    const auto found = importance_estimates(draws);
    labelled.add(found.log_z, 0.0);
    entropy.add(found.entropy, 0.0);
    draws.stratum = Tensor();
    unlabelled.add(importance_estimates(draws).log_z, 0.0);
  }
  EXPECT_LT(std::abs(labelled.error.mean()), 4 * std::sqrt(labelled.error.variance() / 400));
  EXPECT_NEAR(labelled.stated_over_true(), 1.0, 4 / std::sqrt(2.0 * 400));
  EXPECT_NEAR(entropy.stated_over_true(), 1.0, 4 / std::sqrt(2.0 * 400));
  EXPECT_GT(unlabelled.stated_over_true(), 2.0);
}

TEST(EstimateImportance, LabelsOfStrataAreNamesOnly) {
  WeightedDraws draws = two_strata(50, 5);
  const double error = importance_estimates(draws).log_z.standard_error;
  draws.stratum = 7 - 1000 * draws.stratum;
  EXPECT_DOUBLE_EQ(importance_estimates(draws).log_z.standard_error, error);
  draws.stratum = at::full({100}, 12, at::kLong);
  const double of_one = importance_estimates(draws).log_z.standard_error;
  draws.stratum = Tensor();
  EXPECT_DOUBLE_EQ(importance_estimates(draws).log_z.standard_error, of_one);
}

TEST(EstimateImportance, CountsDrawsWhereTheTargetIsZero) {
  // target U(0, 1), proposal U(-1, 1): w = 2 or 0, Z = 1, entropy 0
  const Tensor x = 2 * draw::uniform_like(at::empty({1000}, at::kDouble), Seed(9).generator()) - 1;
  const Tensor log_density = at::zeros({1000}, at::kDouble).masked_fill(x < 0, -kInfinity);
  const auto found = importance_estimates({log_density + std::log(2.0), log_density, {}});
  const double share = (x >= 0).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(found.log_z.value, std::log(2 * share), 1e-12);
  EXPECT_NEAR(found.log_z.standard_error, std::sqrt((1 - share) / share / 999), 1e-12);
  EXPECT_LT(std::abs(found.log_z.value), 4 * found.log_z.standard_error);
  EXPECT_NEAR(found.entropy.value, std::log(2 * share), 1e-12);
  EXPECT_NEAR(found.ess_share, share, 1e-12);
  EXPECT_EQ(found.elbo.value, -kInfinity);
  EXPECT_TRUE(std::isnan(found.elbo.standard_error));
  EXPECT_TRUE(std::isnan(found.elbo.interval.upper));
}

TEST(EstimateImportance, RefusesWeightsThatSayNothing) {
  const Tensor zeros = at::zeros({3}, at::kDouble);
  for (const auto& bad : {column({-kInfinity, -kInfinity, -kInfinity}), column({0, kNaN, 1}),
                          column({0, kInfinity, 1})})
    EXPECT_THROW(importance_estimates({bad, zeros, {}}), NumericalFailure);
  EXPECT_THROW(importance_estimates({zeros, column({0, kNaN, 1}), {}}), NumericalFailure);
  EXPECT_THROW(importance_estimates({zeros, column({0, -kInfinity, 1}), {}}), NumericalFailure);
}

TEST(EstimateImportance, RefusesShapesThatDoNotBelongTogether) {
  const Tensor three = at::zeros({3}, at::kDouble), two = at::zeros({2}, at::kDouble);
  EXPECT_THROW(importance_estimates({{}, three, {}}), InvalidInput);
  EXPECT_THROW(importance_estimates({at::zeros({0}), at::zeros({0}), {}}), InvalidInput);
  EXPECT_THROW(importance_estimates({three.view({3, 1}), three, {}}), InvalidInput);
  EXPECT_THROW(importance_estimates({three, two, {}}), InvalidInput);
  EXPECT_THROW(importance_estimates({three, {}, {}}), InvalidInput);
  EXPECT_THROW(importance_estimates({three, three, three}), InvalidInput);
  EXPECT_THROW(importance_estimates({three, three, two.to(at::kLong)}), InvalidInput);
}

TEST(EstimateImportance, AFactorOnTheTargetMovesLogZAndLeavesTheEntropy) {
  const WeightedDraws draws = WeightedGaussian{2, 1.5}.draw(300, Seed(2).generator());
  const auto before = importance_estimates(draws);
  const auto after = importance_estimates({draws.log_weight + 2000, draws.log_density + 2000, {}});
  const double rounding = 2000 * tolerance<double>();
  EXPECT_NEAR(after.log_z.value, before.log_z.value + 2000, rounding);
  EXPECT_NEAR(after.elbo.value, before.elbo.value + 2000, rounding);
  EXPECT_NEAR(after.entropy.value, before.entropy.value, rounding);
  EXPECT_NEAR(after.entropy.standard_error, before.entropy.standard_error, rounding);
  EXPECT_NEAR(after.pareto_k, before.pareto_k, rounding);
}

// 2000 repetitions of a coverage of 95 % spread by 0.49 points: [93.5, 96.5] is ±3.1 of them, false
// alarm 0.2 % for each of the nine.
TEST(EstimateImportance, IntervalsCoverTheTruthInNineteenOfTwentyRepetitions) {
  for (const double stddev : {1.2, 2.0, 4.0}) {
    const WeightedGaussian gaussian{2, stddev};
    const auto covers = [](const Estimate& estimate, double truth) {
      return estimate.interval.lower <= truth && truth <= estimate.interval.upper ? 1.0 : 0.0;
    };
    Spread log_z, entropy, elbo;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
      const auto found =
          importance_estimates(gaussian.draw(2000, Seed(seed).child("coverage").generator()));
      log_z.add(covers(found.log_z, gaussian.log_z()));
      entropy.add(covers(found.entropy, gaussian.entropy()));
      elbo.add(covers(found.elbo, gaussian.elbo()));
    }
    for (const Spread* coverage : {&log_z, &entropy, &elbo}) {
      EXPECT_GE(coverage->mean(), 0.935) << stddev;
      EXPECT_LE(coverage->mean(), 0.965) << stddev;
    }
  }
}

}  // namespace
}  // namespace ergon::testing
