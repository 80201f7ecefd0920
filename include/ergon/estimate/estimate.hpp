#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// A range that covers the truth with a stated probability.
struct Interval {
  double lower = std::numeric_limits<double>::quiet_NaN();  ///< NaN where it cannot be had
  double upper = std::numeric_limits<double>::quiet_NaN();
};

/// A number with its uncertainty and how it came about.
struct Estimate {
  double value = 0.0;
  double standard_error =
      0.0;  ///< one standard deviation of `value` over repetitions; NaN where it cannot be had
  std::string method;   ///< in words, e.g. "mean over 8 sets of particles"
  Interval interval{};  ///< 95 % confidence interval
};

/// The 95 % interval value ± t · standard_error, t = 1.96 or, where the standard error rests on few
/// degrees of freedom, Student's t. NaN ends where value or standard error is not finite.
Interval interval_around(double value, double standard_error);
Interval interval_around(double value, double standard_error, std::int64_t degrees_of_freedom);

/// 0.975 quantile of Student's t distribution, to 1e-9: 12.706 at 1 degree of freedom, 1.960 at
/// infinity (Abramowitz and Stegun 26.7.3, 26.7.4, 26.7.5). Throws InvalidInput below 1.
double student_t_quantile(std::int64_t degrees_of_freedom);

/// Mean of per-particle values over sets, with the standard error from the spread of the sets'
/// means (R >= 2), or, for a single set, from the spread of the particles taken as independent,
/// which the method then says; the interval takes Student's t with R - 1 degrees of freedom,
/// or 1.96. values: (R, M); alive: (R, M) bool, or undefined where nobody was dropped. Computed in
/// float64.
Estimate mean_over_sets(const Tensor& values, const Tensor& alive);

/// Importance-sampled log-normaliser log (1/n) Σ w, log w = log p̄ - log q over all particles of all
/// sets; standard error by deleting one set at a time (R >= 2) or by the delta method;
/// interval and shapes as above.
Estimate log_z_importance(const Tensor& log_weights, const Tensor& alive);

/// Effective sample size of importance weights as a share of n: (Σw)² / (n Σw²), in [1/n, 1].
double importance_ess_share(const Tensor& log_weights, const Tensor& alive);

}  // namespace ergon
