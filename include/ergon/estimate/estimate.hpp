#pragma once

#include <string>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// A number with its uncertainty and how it came about.
struct Estimate {
  double value = 0.0;
  double standard_error =
      0.0;  ///< one standard deviation of `value` over repetitions; NaN where it cannot be had
  std::string method;  ///< in words, e.g. "mean over 8 sets of particles"
};

/// Mean of per-particle values over sets, with the standard error from the spread of the sets'
/// means (R >= 2), or, for a single set, from the spread of the particles taken as independent,
/// which the method then says. values: (R, M); alive: (R, M) bool, or undefined where nobody was
/// dropped. Computed in float64.
Estimate mean_over_sets(const Tensor& values, const Tensor& alive);

/// Importance-sampled log-normaliser log (1/n) Σ w, log w = log p̄ - log q over all particles of all
/// sets; standard error by deleting one set at a time (R >= 2) or by the delta method. Shapes as
/// above.
Estimate log_z_importance(const Tensor& log_weights, const Tensor& alive);

/// Effective sample size of importance weights as a share of n: (Σw)² / (n Σw²), in [1/n, 1].
double importance_ess_share(const Tensor& log_weights, const Tensor& alive);

}  // namespace ergon
