#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/estimate/importance.hpp"
#include "support/weighted_gaussian.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// 3 sin(1.7 i) + cos(0.3 i²), i = 0..199
Tensor waves() {
  const Tensor i = at::arange(200, at::kDouble);
  return 3 * (1.7 * i).sin() + (0.3 * i * i).cos();
}

// The expected numbers are those of arviz 0.23.4 (psislw with reff = 1), and of equations (33)-(35)
// written in NumPy a second time.
TEST(EstimatePareto, ShapeIsThatOfAnotherImplementation) {
  EXPECT_NEAR(pareto_k(waves()), -0.371366875076958, 1e-10);
  const Tensor ranks = at::arange(1000, at::kDouble);
  EXPECT_NEAR(pareto_k(-0.8 * ((ranks + 0.5) / 1000).log()), 0.7574598327160104, 1e-10);
}

TEST(EstimatePareto, ShapeCountsZeroWeightsAsTheOtherImplementationDoes) {
  Tensor some = waves();
  some.slice(0, 0, 200, 3).fill_(-kInfinity);
  EXPECT_NEAR(pareto_k(some), -0.04774230560330654, 1e-10);
}

TEST(EstimatePareto, ShapeDoesNotMoveWithAFactorOnTheWeights) {
  for (const double shift : {-5000.0, 3.0, 700.0})
    EXPECT_NEAR(pareto_k(waves() + shift), pareto_k(waves()), 1e-9) << shift;
}

// Weights ((1 - u)^{-k} - 1)/k are exactly generalised Pareto, and so is their tail of 300. The
// estimator's standard deviation is (1 + k)/√300 (Zhang and Stephens 2009); over 1000 other seeds
// its bias came out below a twentieth of that. Four standard errors of 100 repetitions besides:
// false alarm 6e-5.
TEST(EstimatePareto, RecoversTheShapeOfExactWeights) {
  for (const double k : {0.2, 0.5, 0.9}) {
    double sum = 0;
    constexpr int kRepetitions = 100;
    for (int seed = 0; seed < kRepetitions; ++seed) {
      const Tensor u = draw::uniform_like(at::empty({10000}, at::kDouble),
                                          Seed(40).child("pareto", seed).generator());
      const double found = pareto_k(((-k * (1 - u).log()).expm1() / k).log());
      sum += (found * 310 - 5) / 300;  // without the prior (35)
    }
    const double spread = (1 + k) / std::sqrt(300.0);
    EXPECT_NEAR(sum / kRepetitions, k, 0.05 * spread + 4 * spread / std::sqrt(kRepetitions)) << k;
  }
}

TEST(EstimatePareto, ShapeOfFewOrEqualOrLonelyWeights) {
  EXPECT_TRUE(std::isnan(pareto_k(at::arange(24, at::kDouble))));
  EXPECT_TRUE(std::isfinite(pareto_k(at::arange(25, at::kDouble))));
  EXPECT_EQ(pareto_k(at::full({100}, 3.5, at::kDouble)), -kInfinity);
  Tensor lonely = at::full({100}, -kInfinity, at::kDouble);
  lonely.slice(0, 0, 4).copy_(at::arange(4, at::kDouble));
  EXPECT_EQ(pareto_k(lonely), kInfinity);
}

TEST(EstimatePareto, RefusesWhatIsNoWeight) {
  Tensor bad = waves();
  bad[7] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(pareto_k(bad), NumericalFailure);
  bad[7] = kInfinity;
  EXPECT_THROW(pareto_k(bad), NumericalFailure);
  EXPECT_THROW(pareto_k(at::full({100}, -kInfinity, at::kDouble)), NumericalFailure);
  EXPECT_THROW(pareto_k(waves().view({20, 10})), InvalidInput);
}

TEST(EstimatePareto, ThresholdGrowsWithTheDrawsUpToSevenTenths) {
  EXPECT_DOUBLE_EQ(pareto_k_threshold(100), 0.5);
  EXPECT_NEAR(pareto_k_threshold(1000), 2.0 / 3, 1e-12);
  EXPECT_DOUBLE_EQ(pareto_k_threshold(10000), 0.7);
  EXPECT_THROW(pareto_k_threshold(0), InvalidInput);
}

TEST(EstimateDistrust, SpeaksWhereTheProposalIsTooNarrowAndNotWhereItIsWide) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto narrow =
        importance_estimates(WeightedGaussian{4, 0.4}.draw(2000, Seed(seed).generator()));
    EXPECT_GT(narrow.pareto_k, 0.7) << seed;
    ASSERT_FALSE(reasons_for_distrust(narrow).empty()) << seed;
    EXPECT_THAT(reasons_for_distrust(narrow).front(), HasSubstr("Pareto")) << seed;
    const auto wide =
        importance_estimates(WeightedGaussian{4, 1.2}.draw(2000, Seed(seed).generator()));
    EXPECT_LT(wide.pareto_k, 0.5) << seed;
    EXPECT_THAT(reasons_for_distrust(wide), IsEmpty()) << seed;
  }
}

// A narrow proposal with a share of a wide one mixed in: weights over the mixture's density (38).
TEST(EstimateDistrust, ADefensiveMixtureOfANarrowProposalIsTrusted) {
  const WeightedGaussian narrow{2, 0.4}, wide{2, 1.5};
  const auto of_narrow = importance_estimates(narrow.draw(2000, Seed(1).generator()));
  EXPECT_FALSE(reasons_for_distrust(of_narrow).empty());

  const Tensor standard = draw::normal_like(at::empty({2000, 2}, at::kDouble), Seed(2).generator());
  const Tensor stratum = (at::arange(2000) >= 1600).to(at::kLong);
  const Tensor x = standard * (0.4 + 1.1 * stratum.to(at::kDouble)).unsqueeze(1);
  const Tensor log_density = -0.5 * x.square().sum(1);
  const Tensor log_mixture = at::logaddexp(log_density - narrow.log_weight(x) + std::log(0.8),
                                           log_density - wide.log_weight(x) + std::log(0.2));
  const auto mixed = importance_estimates({log_density - log_mixture, log_density, stratum});
  EXPECT_LT(mixed.pareto_k, 0.5);
  EXPECT_THAT(reasons_for_distrust(mixed), IsEmpty());
  EXPECT_LT(std::abs(mixed.log_z.value - wide.log_z()), 4 * mixed.log_z.standard_error);
  EXPECT_LT(std::abs(mixed.entropy.value - wide.entropy()), 4 * mixed.entropy.standard_error);
}

TEST(EstimateDistrust, SaysThatIntervalsAreTooShortForWeightsWithoutAVariance) {
  ImportanceEstimates estimates;
  estimates.draws = 2000;
  estimates.ess_share = 0.5;
  estimates.pareto_k = 0.45;
  EXPECT_THAT(reasons_for_distrust(estimates), IsEmpty());
  estimates.pareto_k = 0.6;
  ASSERT_THAT(reasons_for_distrust(estimates), SizeIs(1));
  EXPECT_THAT(reasons_for_distrust(estimates)[0], HasSubstr("cover less than 95 %"));
  estimates.pareto_k = 0.72;
  ASSERT_THAT(reasons_for_distrust(estimates), SizeIs(1));
  EXPECT_THAT(reasons_for_distrust(estimates)[0], HasSubstr("neither the values"));
}

TEST(EstimateDistrust, NamesEveryReason) {
  WeightedDraws draws = WeightedGaussian{1, 1.2}.draw(20, Seed(1).generator());
  auto reasons = reasons_for_distrust(importance_estimates(draws));
  ASSERT_THAT(reasons, SizeIs(2));  // a worth of fewer than 30 draws, too
  EXPECT_THAT(reasons[0], HasSubstr("too few to judge"));
  EXPECT_THAT(reasons[1], HasSubstr("worth only"));
  draws = WeightedGaussian{1, 1.2}.draw(2000, Seed(1).generator());
  draws.stratum = (at::arange(2000) == 5).to(at::kLong);
  reasons = reasons_for_distrust(importance_estimates(draws));
  ASSERT_THAT(reasons, SizeIs(1));
  EXPECT_THAT(reasons[0], HasSubstr("single draw"));
}

}  // namespace
}  // namespace ergon::testing
