#include "ergon/estimate/interquartile_mean.hpp"

#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/core/pcg64.hpp"

namespace ergon {
namespace {

using Scores = std::vector<std::vector<double>>;

void require_finite(const std::vector<double>& numbers) {
  for (const double number : numbers) {
    require(std::isfinite(number),
            "a score of {} is not finite; leave the run out or find its cause", number);
  }
}

void require_scores(const Scores& scores) {
  require(!scores.empty(), "an interval over runs needs the scores of at least one task");
  for (std::size_t task = 0; task < scores.size(); ++task) {
    require(!scores[task].empty(), "task {} has no scores; leave it out or give it a run", task);
    require_finite(scores[task]);
  }
}

void require_options(const BootstrapOptions& options) {
  require(options.resamples >= 1, "bootstrap: resamples must be >= 1, got {}", options.resamples);
  require(options.confidence > 0.0 && options.confidence < 1.0,
          "bootstrap: confidence must lie in (0, 1), got {}", options.confidence);
}

/// The mean of the middle half; reorders the numbers.
double middle_mean(std::vector<double>& numbers) {
  const auto cut = static_cast<std::ptrdiff_t>(numbers.size() / 4);
  const auto begin = numbers.begin() + cut, end = numbers.end() - cut;
  // Of few numbers, the runs of a study, sorting takes less than selecting twice. Either way the
  // sum runs in ascending order, so that the order of the runs does not change its last bit.
  std::sort(numbers.begin(), numbers.end());
  double sum = 0.0;
  for (auto number = begin; number != end; ++number) sum += *number;
  return sum / static_cast<double>(end - begin);
}

/// The runs of one task, as many as there are, drawn with replacement.
void resample(const std::vector<double>& runs, Pcg64& random, std::vector<double>& drawn) {
  for (std::size_t i = 0; i < runs.size(); ++i) drawn.push_back(runs[random.below(runs.size())]);
}

/// The quantile of sorted numbers, linear between neighbours (Hyndman and Fan's definition 7).
double quantile(const std::vector<double>& sorted, double probability) {
  const double place = probability * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = place - static_cast<double>(below);
  return sorted[below] + share * (sorted[above] - sorted[below]);
}

/// The percentile interval of `statistic`, called once for each resample.
template <class Statistic>
BootstrapInterval percentile_interval(double value,
                                      const BootstrapOptions& options,
                                      Statistic&& statistic) {
  std::vector<double> values(static_cast<std::size_t>(options.resamples));
  for (double& resampled : values) resampled = statistic();
  std::sort(values.begin(), values.end());
  const double outside = (1.0 - options.confidence) / 2.0;
  return {value, quantile(values, outside), quantile(values, 1.0 - outside)};
}

/// Share of the pairs (x, y) with x > y, ties counting half; y ascending.
double share_above(const std::vector<double>& x, const std::vector<double>& sorted_y) {
  double twice = 0.0;
  for (const double number : x) {
    const auto [low, high] = std::equal_range(sorted_y.begin(), sorted_y.end(), number);
    twice += static_cast<double>((low - sorted_y.begin()) + (high - sorted_y.begin()));
  }
  return twice / (2.0 * static_cast<double>(x.size()) * static_cast<double>(sorted_y.size()));
}

}  // namespace

double interquartile_mean(std::vector<double> numbers) {
  require(!numbers.empty(), "an interquartile mean needs at least one number");
  require_finite(numbers);
  return middle_mean(numbers);
}

BootstrapInterval stratified_interquartile_mean(const Scores& scores,
                                                const BootstrapOptions& options) {
  require_scores(scores);
  require_options(options);
  std::vector<double> pooled;
  for (const auto& runs : scores) pooled.insert(pooled.end(), runs.begin(), runs.end());
  const double value = middle_mean(pooled);
  Pcg64 random = Pcg64::stream(options.seed, "interquartile mean");
  return percentile_interval(value, options, [&] {
    pooled.clear();
    for (const auto& runs : scores) resample(runs, random, pooled);
    return middle_mean(pooled);
  });
}

BootstrapInterval probability_of_improvement(const Scores& x,
                                             const Scores& y,
                                             const BootstrapOptions& options) {
  require_scores(x);
  require_scores(y);
  require_options(options);
  require(x.size() == y.size(),
          "runs are compared on the same tasks, got {} tasks and {}; leave out what one lacks",
          x.size(), y.size());
  const auto tasks = static_cast<double>(x.size());
  double value = 0.0;
  for (std::size_t task = 0; task < x.size(); ++task) {
    std::vector<double> sorted = y[task];
    std::sort(sorted.begin(), sorted.end());
    value += share_above(x[task], sorted) / tasks;
  }
  Pcg64 random = Pcg64::stream(options.seed, "probability of improvement");
  std::vector<double> drawn_x, drawn_y;
  return percentile_interval(value, options, [&] {
    double probability = 0.0;
    for (std::size_t task = 0; task < x.size(); ++task) {
      drawn_x.clear();
      drawn_y.clear();
      resample(x[task], random, drawn_x);
      resample(y[task], random, drawn_y);
      std::sort(drawn_y.begin(), drawn_y.end());
      probability += share_above(drawn_x, drawn_y) / tasks;
    }
    return probability;
  });
}

}  // namespace ergon
