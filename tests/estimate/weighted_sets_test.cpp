#include "ergon/estimate/weighted_sets.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();
const double kInfinity = std::numeric_limits<double>::infinity();

// Weights of draws of N(0, 2²) for N(0, 1) times e: Z = e, entropy of p known.
struct Sets {
  Tensor x, log_weight, log_density;
};

Sets sets_of(std::int64_t sets, std::int64_t particles, std::uint64_t seed) {
  const Tensor x =
      2 * draw::normal_like(at::empty({sets, particles}, at::kDouble), Seed(seed).generator());
  const double constant = 0.5 * std::log(2 * M_PI);
  const Tensor log_density = 1 - 0.5 * x.square() - constant;
  const Tensor log_q = -x.square() / 8 - std::log(2.0) - constant;
  return {x, log_density - log_q, log_density};
}

TEST(EstimateWeightedSets, EqualTheHandComputedJackknife) {
  const Tensor log_weight =
      at::tensor({1.0, 3.0, 2.0, 2.0, 5.0, 1.0}, at::kDouble).view({3, 2}).log();
  const Tensor log_density = at::tensor({0.0, 1.0, -1.0, 2.0, 0.5, 0.0}, at::kDouble).view({3, 2});
  const ImportanceEstimates found = weighted_set_estimates(log_weight, log_density);
  const double z[] = {2.0, 2.0, 3.0}, s[] = {1.5, 1.0, 1.25};
  double log_z[3], entropy[3], squares_z = 0, squares_h = 0, mean_z = 0, mean_h = 0;
  for (int i = 0; i < 3; ++i) {
    const double rest = z[(i + 1) % 3] + z[(i + 2) % 3], moment = s[(i + 1) % 3] + s[(i + 2) % 3];
    log_z[i] = std::log(rest / 2);
    entropy[i] = log_z[i] - moment / rest;
    mean_z += log_z[i] / 3;
    mean_h += entropy[i] / 3;
  }
  for (int i = 0; i < 3; ++i) {
    squares_z += std::pow(log_z[i] - mean_z, 2);
    squares_h += std::pow(entropy[i] - mean_h, 2);
  }
  EXPECT_NEAR(found.log_z.value, std::log(7.0 / 3), 1e-14);
  EXPECT_NEAR(found.log_z.standard_error, std::sqrt(squares_z * 2 / 3), 1e-14);
  EXPECT_NEAR(found.entropy.value, std::log(7.0 / 3) - 3.75 / 7, 1e-14);
  EXPECT_NEAR(found.entropy.standard_error, std::sqrt(squares_h * 2 / 3), 1e-14);
  EXPECT_NEAR(found.elbo.value, (2 * std::log(2.0) + std::log(3.0)) / 3, 1e-14);
  EXPECT_NEAR(found.ess_share, 14.0 * 14.0 / (44.0 * 6), 1e-14);
  EXPECT_EQ(found.draws, 6);
}

TEST(EstimateWeightedSets, CoverTheTruthAndKeepTheBound) {
  int covered_z = 0, covered_h = 0;
  constexpr int kRuns = 100;
  const double entropy = 0.5 * std::log(2 * M_PI * std::exp(1.0));
  double elbo = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Sets sets = sets_of(10, 200, static_cast<std::uint64_t>(run));
    const ImportanceEstimates found = weighted_set_estimates(sets.log_weight, sets.log_density);
    covered_z += found.log_z.interval.lower <= 1 && 1 <= found.log_z.interval.upper;
    // -∫ p log p̄ + log Z with log p̄ = log p + 1
    covered_h += found.entropy.interval.lower <= entropy && entropy <= found.entropy.interval.upper;
    elbo += found.elbo.value / kRuns;
  }
  EXPECT_GE(covered_z, 89);  // 95 expected, 3 standard deviations of a binomial below
  EXPECT_GE(covered_h, 89);
  EXPECT_LT(elbo, 1.0);
  EXPECT_GT(elbo, 0.99);
}

TEST(EstimateWeightedSets, ExpectationsWeighParticlesOverAllSets) {
  const Sets sets = sets_of(20, 500, 3);
  const Tensor values = at::stack({sets.x, sets.x.square()}, -1);
  const Expectation found = expectation_over_sets(values, sets.log_weight);
  const Tensor truth = at::tensor({0.0, 1.0}, at::kDouble);
  EXPECT_LT(((found.mean - truth) / found.standard_error).abs().max().item<double>(), 4.0);
  EXPECT_LT(found.standard_error.max().item<double>(), 0.03);
  EXPECT_NEAR(found.stddev[0].item<double>(), 1.0, 0.05);
  // Where a weight is zero, the value does not matter.
  Tensor weights = sets.log_weight.clone(), spoilt = values.clone();
  weights[0][0] = -kInfinity;
  spoilt[0][0].fill_(std::nan(""));
  EXPECT_TRUE(expectation_over_sets(spoilt, weights).mean.isfinite().all().item<bool>());
}

TEST(EstimateWeightedSets, ShiftingAllWeightsShiftsLogZAlone) {
  const Sets sets = sets_of(5, 50, 4);
  const auto plain = weighted_set_estimates(sets.log_weight, sets.log_density);
  const auto shifted = weighted_set_estimates(sets.log_weight + 800, sets.log_density + 800);
  EXPECT_NEAR(shifted.log_z.value, plain.log_z.value + 800, 1e-9);
  EXPECT_NEAR(shifted.entropy.value, plain.entropy.value, 1e-9);
  EXPECT_NEAR(shifted.log_z.standard_error, plain.log_z.standard_error, 1e-12);
}

TEST(EstimateWeightedSets, SetsFarApartKeepTheirDigits) {
  Tensor log_weight = at::zeros({3, 2}, at::kDouble);
  log_weight[0] += 900;
  log_weight[1] += 1;
  const auto found = weighted_set_estimates(log_weight, at::zeros({3, 2}, at::kDouble));
  EXPECT_NEAR(found.elbo.value, 901.0 / 3, 1e-9);
  EXPECT_NEAR(found.log_z.value, 900 - std::log(3.0), 1e-9);
  log_weight[0] -= 860;  // 40 nats: the others are below the first one's rounding
  const auto near = weighted_set_estimates(log_weight, at::zeros({3, 2}, at::kDouble));
  EXPECT_TRUE(std::isfinite(near.log_z.standard_error));
  EXPECT_GT(near.log_z.standard_error, 10.0);  // it hangs on one set
}

TEST(EstimateWeightedSets, OneSetHasNoErrorAndBadInputIsRefused) {
  const Sets sets = sets_of(1, 50, 5);
  const auto single = weighted_set_estimates(sets.log_weight, sets.log_density);
  EXPECT_TRUE(std::isnan(single.log_z.standard_error));
  EXPECT_TRUE(std::isnan(single.log_z.interval.lower));
  EXPECT_THROW(weighted_set_estimates(sets.log_weight[0], sets.log_density[0]), InvalidInput);
  EXPECT_THROW(weighted_set_estimates(sets.log_weight, sets.log_density.narrow(1, 0, 3)),
               InvalidInput);
  EXPECT_THROW(expectation_over_sets(sets.x, sets.log_weight), InvalidInput);
  const Sets two = sets_of(2, 10, 6);
  Tensor lost = two.log_weight.clone();
  lost[1].fill_(-kInfinity);
  EXPECT_THROW(weighted_set_estimates(lost, two.log_density), NumericalFailure);
  lost[1].fill_(std::nan(""));
  EXPECT_THROW(weighted_set_estimates(lost, two.log_density), NumericalFailure);
}

}  // namespace
}  // namespace ergon::testing
