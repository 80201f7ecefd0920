#include "ergon/estimate/interquartile_mean.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "ergon/core/errors.hpp"
#include "ergon/core/pcg64.hpp"

namespace ergon {
namespace {

using Scores = std::vector<std::vector<double>>;
using ::testing::HasSubstr;

/// Standard errors that a right result stays within but for one run in 100,000 (two-sided normal).
constexpr double kStandardErrors = 4.42;

BootstrapOptions options_of(std::int64_t resamples, double confidence = 0.95) {
  BootstrapOptions options;
  options.resamples = resamples;
  options.confidence = confidence;
  return options;
}

Scores normal_scores(std::size_t tasks, std::size_t runs, Pcg64& random) {
  Scores scores(tasks, std::vector<double>(runs));
  for (auto& task : scores) {
    for (double& score : task) score = random.normal();
  }
  return scores;
}

/// By weights on ranks, all tasks pooled: 0 for the outer quarters, 1 for the rest.
double slow_interquartile_mean(const Scores& scores) {
  std::multimap<double, double> pooled;
  for (const auto& task : scores) {
    for (const double score : task) pooled.emplace(score, score);
  }
  const int count = static_cast<int>(pooled.size()), cut = count / 4;
  double sum = 0.0;
  int rank = 0;
  for (const auto& [key, score] : pooled) {
    sum += rank >= cut && rank < count - cut ? score : 0.0;
    ++rank;
  }
  return sum / (count - 2 * cut);
}

double slow_probability(const Scores& x, const Scores& y) {
  double sum = 0.0;
  for (std::size_t task = 0; task < x.size(); ++task) {
    double wins = 0.0;
    for (const double a : x[task]) {
      for (const double b : y[task]) wins += a > b ? 1.0 : a == b ? 0.5 : 0.0;
    }
    sum += wins / static_cast<double>(x[task].size() * y[task].size());
  }
  return sum / static_cast<double>(x.size());
}

/// Every way to draw the runs of every task with replacement, each equally likely.
std::vector<Scores> all_resamples(const Scores& scores) {
  std::vector<Scores> found = {{}};
  for (const auto& task : scores) {
    std::vector<std::vector<double>> draws = {{}};
    for (std::size_t i = 0; i < task.size(); ++i) {
      std::vector<std::vector<double>> longer;
      for (const auto& draw : draws) {
        for (const double score : task) {
          longer.push_back(draw);
          longer.back().push_back(score);
        }
      }
      draws = longer;
    }
    std::vector<Scores> next;
    for (const auto& sample : found) {
      for (const auto& draw : draws) {
        next.push_back(sample);
        next.back().push_back(draw);
      }
    }
    found = next;
  }
  return found;
}

/// Expects an end of an interval of so many resamples to be the quantile of the distribution that
/// takes each of `outcomes` equally often: the true shares below and up to it lie on both sides of
/// `probability`, up to the sampling error.
void expect_quantile(double actual,
                     const std::vector<double>& outcomes,
                     double probability,
                     std::int64_t resamples) {
  const double slack = kStandardErrors * std::sqrt(probability * (1 - probability) / resamples);
  double below = 0.0, up_to = 0.0;
  for (const double outcome : outcomes) {
    below += outcome < actual - 1e-9 ? 1.0 / outcomes.size() : 0.0;
    up_to += outcome <= actual + 1e-9 ? 1.0 / outcomes.size() : 0.0;
  }
  EXPECT_LE(below, probability + slack);
  EXPECT_GE(up_to, probability - slack);
}

TEST(EstimateInterquartileMean, LeavesOutTheOuterQuarters) {
  EXPECT_EQ(interquartile_mean({7.0}), 7.0);
  EXPECT_EQ(interquartile_mean({1.0, 4.0}), 2.5);
  EXPECT_EQ(interquartile_mean({9.0, 1.0, 2.0}), 4.0);
  EXPECT_EQ(interquartile_mean({100.0, 3.0, 1.0, -50.0}), 2.0);
  EXPECT_EQ(interquartile_mean({5.0, 1.0, 2.0, 3.0, 100.0}), 10.0 / 3.0);
  EXPECT_EQ(interquartile_mean({1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0}), 4.0);
  EXPECT_EQ(interquartile_mean({8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1000.0}), 5.5);
}

TEST(EstimateInterquartileMean, DoesNotDependOnTheOrder) {
  Pcg64 random(1);
  std::vector<double> numbers(37);
  for (double& number : numbers) number = random.normal();
  const double expected = interquartile_mean(numbers);
  std::reverse(numbers.begin(), numbers.end());
  EXPECT_EQ(interquartile_mean(numbers), expected);
}

TEST(EstimateInterquartileMean, RefusesNothingAndWhatIsNotFinite) {
  EXPECT_THROW(interquartile_mean({}), InvalidInput);
  EXPECT_THROW(interquartile_mean({1.0, std::nan("")}), InvalidInput);
  EXPECT_THROW(interquartile_mean({1.0, std::numeric_limits<double>::infinity()}), InvalidInput);
}

TEST(EstimateBootstrap, ValueIsTheMeanOfThePooledScores) {
  Pcg64 random(2);
  for (const std::size_t tasks : {1, 2, 5}) {
    const Scores scores = normal_scores(tasks, 7, random);
    EXPECT_NEAR(stratified_interquartile_mean(scores, options_of(10)).value,
                slow_interquartile_mean(scores), 1e-14);
  }
}

TEST(EstimateBootstrap, EndsAreQuantilesOfAllResamples) {
  constexpr std::int64_t kResamples = 200000;
  // Unlike numbers of runs, and tasks far apart: a bootstrap that mixed tasks would differ.
  const Scores scores = {{0.0, 1.0, 2.7, 3.1}, {10.0, 10.5, 17.0}};
  std::vector<double> outcomes;
  for (const Scores& sample : all_resamples(scores)) {
    outcomes.push_back(slow_interquartile_mean(sample));
  }
  ASSERT_EQ(outcomes.size(), 256u * 27u);
  for (const double confidence : {0.5, 0.8, 0.95}) {
    const BootstrapInterval actual =
        stratified_interquartile_mean(scores, options_of(kResamples, confidence));
    expect_quantile(actual.lower, outcomes, (1 - confidence) / 2, kResamples);
    expect_quantile(actual.upper, outcomes, (1 + confidence) / 2, kResamples);
  }
}

TEST(EstimateBootstrap, CoversTheTruthAboutAsOftenAsItSays) {
  // 30 runs of a symmetric distribution: the truth is 0. Percentile intervals of small samples are
  // a little short: in a simulation of 20,000 other problems they held it in a share of 0.937.
  constexpr int kProblems = 1000;
  constexpr double kShare = 0.937;
  Pcg64 random(3);
  BootstrapOptions options = options_of(400);
  int covered = 0;
  for (int i = 0; i < kProblems; ++i) {
    options.seed = static_cast<std::uint64_t>(i);
    const BootstrapInterval interval =
        stratified_interquartile_mean(normal_scores(2, 15, random), options);
    covered += interval.lower <= 0.0 && 0.0 <= interval.upper ? 1 : 0;
  }
  EXPECT_NEAR(covered / double{kProblems}, kShare,
              kStandardErrors * std::sqrt(kShare * (1 - kShare) / kProblems));
}

TEST(EstimateBootstrap, WithOneRunInEveryTaskIsTheValueItself) {
  const BootstrapInterval interval =
      stratified_interquartile_mean({{0.1}, {0.7}, {0.3}, {0.9}, {0.2}});
  EXPECT_EQ(interval.lower, interval.value);
  EXPECT_EQ(interval.upper, interval.value);
}

TEST(EstimateBootstrap, IsRepeatedBySeed) {
  Pcg64 random(4);
  const Scores scores = normal_scores(2, 6, random);
  BootstrapOptions options = options_of(1000);
  const BootstrapInterval first = stratified_interquartile_mean(scores, options);
  EXPECT_EQ(stratified_interquartile_mean(scores, options).lower, first.lower);
  options.seed = 1;
  EXPECT_NE(stratified_interquartile_mean(scores, options).lower, first.lower);
}

TEST(EstimateBootstrap, OfOneResampleIsThatResample) {
  const BootstrapInterval interval =
      stratified_interquartile_mean({{0.0, 1.0, 2.0, 3.5, 7.25}}, options_of(1));
  EXPECT_EQ(interval.lower, interval.upper);
}

TEST(EstimateBootstrap, IsQuick) {
  Pcg64 random(5);
  const Scores scores = normal_scores(1, 5, random);
  const auto start = std::chrono::steady_clock::now();
  stratified_interquartile_mean(scores);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_LT(elapsed.count(), 1.0) << "0.01 s are usual";
}

TEST(EstimateProbabilityOfImprovement, CountsPairsWithHalfATie) {
  const BootstrapOptions options = options_of(10);
  EXPECT_EQ(probability_of_improvement({{2.0, 3.0}}, {{0.0, 1.0}}, options).value, 1.0);
  EXPECT_EQ(probability_of_improvement({{0.0, 1.0}}, {{2.0, 3.0}}, options).value, 0.0);
  EXPECT_EQ(probability_of_improvement({{1.0, 1.0}}, {{1.0}}, options).value, 0.5);
  EXPECT_EQ(probability_of_improvement({{1.0, 2.0}}, {{1.0, 3.0}}, options).value, 0.375);
  EXPECT_EQ(probability_of_improvement({{1.0, 2.0}, {5.0}}, {{1.0, 3.0}, {4.0}}, options).value,
            0.6875);
}

TEST(EstimateProbabilityOfImprovement, EqualsTheSumOverPairs) {
  Pcg64 random(6);
  Scores x = normal_scores(3, 8, random), y = normal_scores(3, 5, random);
  for (Scores* scores : {&x, &y}) {
    for (auto& task : *scores) {
      for (double& score : task) score = std::round(2 * score);  // with ties
    }
  }
  EXPECT_NEAR(probability_of_improvement(x, y, options_of(10)).value, slow_probability(x, y),
              1e-14);
}

TEST(EstimateProbabilityOfImprovement, EndsAreQuantilesOfAllResamples) {
  constexpr std::int64_t kResamples = 100000;
  const Scores x = {{0.0, 1.0, 2.0}, {5.0, 5.0, 6.5}}, y = {{0.5, 1.0}, {4.0, 7.0}};
  std::vector<double> outcomes;
  const std::vector<Scores> all_y = all_resamples(y);
  for (const Scores& sample_x : all_resamples(x)) {
    for (const Scores& sample_y : all_y) outcomes.push_back(slow_probability(sample_x, sample_y));
  }
  for (const double confidence : {0.5, 0.8, 0.95}) {
    const BootstrapInterval actual =
        probability_of_improvement(x, y, options_of(kResamples, confidence));
    expect_quantile(actual.lower, outcomes, (1 - confidence) / 2, kResamples);
    expect_quantile(actual.upper, outcomes, (1 + confidence) / 2, kResamples);
  }
}

std::string message_of(const Scores& scores, const BootstrapOptions& options = {}) {
  try {
    stratified_interquartile_mean(scores, options);
  } catch (const InvalidInput& error) {
    return error.what();
  }
  return "no error";
}

TEST(EstimateBootstrap, RefusesBadScoresAndOptions) {
  EXPECT_THAT(message_of({}), HasSubstr("at least one task"));
  EXPECT_THAT(message_of({{1.0}, {}}), HasSubstr("task 1"));
  EXPECT_THAT(message_of({{std::nan("")}}), HasSubstr("nan"));
  EXPECT_THAT(message_of({{1.0}}, options_of(0)), HasSubstr("resamples"));
  EXPECT_THAT(message_of({{1.0}}, options_of(10, 1.0)), HasSubstr("confidence"));
  EXPECT_THAT(message_of({{1.0}}, options_of(10, std::nan(""))), HasSubstr("confidence"));
  EXPECT_THROW(probability_of_improvement({{1.0}}, {{1.0}, {2.0}}), InvalidInput);
  EXPECT_THROW(probability_of_improvement({{1.0}}, {{}}), InvalidInput);
}

}  // namespace
}  // namespace ergon
