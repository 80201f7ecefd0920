#pragma once

#include <cstdint>
#include <vector>

namespace ergon {

/// The mean without the floor(n/4) smallest and the floor(n/4) largest of n numbers (a mean trimmed
/// at 25 %: Agarwal et al. 2021, arXiv 2108.13264). Throws InvalidInput for no numbers, or one that
/// is not finite.
double interquartile_mean(std::vector<double> numbers);

/// A number with the ends of a confidence interval.
struct BootstrapInterval {
  double value = 0.0;
  double lower = 0.0;
  double upper = 0.0;
};

struct BootstrapOptions {
  std::int64_t resamples = 50000;  ///< >= 1
  double confidence = 0.95;        ///< in (0, 1)
  std::uint64_t seed = 0;
};

/// Interquartile mean of the scores of runs on tasks (`scores[task]` holds one number a run), all
/// pooled, with a percentile interval of the stratified bootstrap: runs are resampled with
/// replacement within each task. Source: as above, section 4 and appendix. With one run in every
/// task the interval is the value itself. Throws InvalidInput: an empty task, options out of range.
BootstrapInterval stratified_interquartile_mean(const std::vector<std::vector<double>>& scores,
                                                const BootstrapOptions& options = {});

/// P(X > Y) by the Mann-Whitney statistic averaged over tasks, ties counting half; with the
/// interval of the same bootstrap over both.
BootstrapInterval probability_of_improvement(const std::vector<std::vector<double>>& x,
                                             const std::vector<std::vector<double>>& y,
                                             const BootstrapOptions& options = {});

}  // namespace ergon
