#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../src/estimate/beta_quantile.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/estimate/chains.hpp"
#include "estimate/chains.hpp"
#include "support/compare.hpp"

namespace ergon::testing {
namespace {

constexpr double kFivePercent = -1.6448536269514722;  // Φ⁻¹

// Autocorrelation time of the indicator x <= q of a Gaussian AR(1) chain, from Mehler's expansion
// Cov = φ(q)² Σ_j ρ^(lag j) He_(j-1)(q)² / j!.
double indicator_time(double rho, double q, double probability) {
  const double density = std::exp(-q * q / 2) / std::sqrt(2 * M_PI);
  double sum = 0, previous = 0, hermite = 1;  // He_(j-1) / √((j-1)!)
  for (int j = 1; j <= 4000; ++j) {
    const double power = std::pow(rho, j);
    sum += hermite * hermite / j * power / (1 - power);
    const double next = (q * hermite - std::sqrt(j - 1.0) * previous) / std::sqrt(j);
    previous = hermite;
    hermite = next;
  }
  return 1 + 2 * density * density * sum / (probability * (1 - probability));
}

// The expected numbers are those of arviz 0.23.4: ess(method="tail"), ess(method="quantile"),
// mcse(method="mean", "sd", "quantile").
TEST(EstimateChainErrors, NumbersAreThoseOfAnotherImplementation) {
  const Tensor draws = reference_chains().narrow(2, 0, 2);
  const auto expect = [](const Tensor& found, double first, double second, const char* name) {
    expect_close(found, at::tensor({first, second}, at::kDouble), 1e-9, name);
  };
  expect(tail_effective_sample_size(draws), 196.30846238072886, 464.7721136731798, "tail");
  expect(quantile_effective_sample_size(draws, 0.25), 132.87445579495176, 487.89118910778006,
         "quarter");
  expect(quantile_effective_sample_size(draws, 0.95), 285.1247398885026, 471.3709104922621, "95 %");
  expect(mcse_mean(draws), 0.031160250395929935, 5.268538848801494, "mean");
  expect(mcse_stddev(draws), 0.012338403281383898, 40.03063651129288, "standard deviation");
  expect(mcse_quantile(draws, 0.1), 0.044587123166305975, 0.7319210998574683, "10 %");
  expect(mcse_quantile(draws, 0.5), 0.0304787533877125, 0.09361936710657451, "median");
  expect(mcse_quantile(draws, 0.9), 0.04678836739983849, 0.33197725090788976, "90 %");
}

TEST(EstimateChainErrors, DiscreteDrawsAreJudgedByTheQuantilesThatTheyHave) {
  // ⌊5 u⌋ is never above its 95 % quantile, 4
  const Tensor draws = reference_chains().narrow(2, 2, 1);
  EXPECT_TRUE(std::isnan(quantile_effective_sample_size(draws, 0.95).item<double>()));
  const double lower = quantile_effective_sample_size(draws, 0.05).item<double>();
  EXPECT_EQ(tail_effective_sample_size(draws).item<double>(), lower);
  EXPECT_NEAR(quantile_effective_sample_size(draws, 0.25).item<double>(), 475.3903714044904, 1e-8);
  EXPECT_EQ(mcse_quantile(draws, 0.5).item<double>(), 0);
}

// A size of such chains is off by up to 4 % (one standard deviation, chains_test), an error by half
// of it: four of these. Half the distance of two order statistics adds noise of its own.
TEST(EstimateChainErrors, AutoregressiveChainsHaveTheErrorsThatTheirCorrelationLeaves) {
  for (const double rho : {0.3, 0.7}) {
    const double n = 40000;
    const Tensor draws = autoregressive(8, 5000, rho, 12);
    const double time = (1 + rho) / (1 - rho);
    const double of_squares = (1 + rho * rho) / (1 - rho * rho);
    const auto close = [&](const Tensor& found, double exact, double share) {
      EXPECT_NEAR(found.item<double>() / exact, 1.0, share) << rho;
    };
    close(mcse_mean(draws), std::sqrt(time / n), 0.08);
    close(mcse_stddev(draws), std::sqrt(of_squares / (2 * n)), 0.08);
    const double of_median = indicator_time(rho, 0, 0.5);
    close(quantile_effective_sample_size(draws, 0.5), n / of_median, 0.16);
    // √(p (1 - p) / ESS) / φ(0)
    close(mcse_quantile(draws, 0.5), std::sqrt(0.25 * of_median / n * 2 * M_PI), 0.25);
    close(tail_effective_sample_size(draws), n / indicator_time(rho, kFivePercent, 0.05), 0.16);
  }
}

TEST(EstimateChainErrors, TheIndicatorsTimeAtTheMedianIsTheArcsineLaw) {
  // 2/π arcsin ρ^lag, summed over lags: a check of this file's expansion
  double sum = 0;
  for (int lag = 1; lag < 200; ++lag) sum += 2 / M_PI * std::asin(std::pow(0.7, lag));
  EXPECT_NEAR(indicator_time(0.7, 0, 0.5), 1 + 2 * sum, 1e-9);
}

TEST(EstimateChainErrors, AreTheSpreadOfRepetitions) {
  const int repetitions = 300;
  Tensor means = at::empty({repetitions}, at::kDouble), deviations = at::empty_like(means),
         medians = at::empty_like(means), stated = at::zeros({3}, at::kDouble);
  for (int i = 0; i < repetitions; ++i) {
    const Tensor draws = autoregressive(4, 250, 0.5, 100 + static_cast<std::uint64_t>(i));
    means[i] = draws.mean();
    deviations[i] = draws.std(/*unbiased=*/true);
    medians[i] = draws.flatten().quantile(0.5);
    stated += at::cat({mcse_mean(draws), mcse_stddev(draws), mcse_quantile(draws, 0.5)}).square();
  }
  const Tensor spread = at::stack({means.var(/*unbiased=*/true), deviations.var(/*unbiased=*/true),
                                   medians.var(/*unbiased=*/true)});
  const Tensor ratio = (stated / repetitions / spread).sqrt();
  // the spread of 300 repetitions is known to 1/√600: four of these, false alarm 6e-5
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(ratio[k].item<double>(), 1.0, 4 / std::sqrt(600.0)) << k;
}

// Expected: scipy.stats.beta.ppf (1.16).
TEST(EstimateChainErrors, BetaQuantilesAreThoseOfAnotherImplementation) {
  EXPECT_NEAR(beta_quantile(0.15865525393145707, 3, 7), 0.15812293373751876, 1e-11);
  EXPECT_NEAR(beta_quantile(0.5, 1, 1), 0.5, 1e-12);
  EXPECT_NEAR(beta_quantile(0.8413447460685429, 400.5, 12.25), 0.9785675675269773, 1e-11);
  EXPECT_NEAR(beta_quantile(0.1, 5000, 5000), 0.49359234508768945, 1e-11);
}

TEST(EstimateChainErrors, AConstantCoordinateHasNone) {
  Tensor draws = normal({3, 50, 2}, 9);
  draws.select(2, 0).fill_(0.1);
  for (const Tensor& numbers : {tail_effective_sample_size(draws), mcse_mean(draws),
                                mcse_stddev(draws), mcse_quantile(draws, 0.3)}) {
    EXPECT_TRUE(std::isnan(numbers[0].item<double>()));
    EXPECT_TRUE(std::isfinite(numbers[1].item<double>()));
  }
}

TEST(EstimateChainErrors, RefusesProbabilitiesAtTheEndsAndDrawsThatAreNone) {
  const Tensor draws = normal({2, 8, 3}, 10);
  for (const double probability : {0.0, 1.0, -0.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(quantile_effective_sample_size(draws, probability), InvalidInput);
    EXPECT_THROW(mcse_quantile(draws, probability), InvalidInput);
  }
  EXPECT_THROW(tail_effective_sample_size(draws[0]), InvalidInput);
  EXPECT_THROW(mcse_mean({}), InvalidInput);
  EXPECT_THROW(mcse_stddev(draws.narrow(1, 0, 3)), InvalidInput);
  EXPECT_THROW(mcse_quantile(draws / 0.0, 0.5), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
