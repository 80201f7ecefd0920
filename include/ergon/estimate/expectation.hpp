#pragma once

#include "ergon/core/tensor.hpp"
#include "ergon/estimate/importance.hpp"

namespace ergon {

/// Expectations of K functions under p, each (K) float64.
struct Expectation {
  Tensor mean;            ///< E_p[f]
  Tensor stddev;          ///< standard deviation of f under p
  Tensor standard_error;  ///< of `mean`; NaN where a stratum has a single draw
};

/// Self-normalised importance sampling: E_p[f] = Σ w f / Σ w, stddev² = Σ w (f - E_p[f])² / Σ w;
/// standard errors by the delta method from the influence function w̃ (f - E_p[f]), w̃ = w/mean(w),
/// within strata (Owen 2013, "Monte Carlo theory, methods and examples", equation 9.9).
/// values: (n, K), f at the draws; draws of weight zero do not count, whatever f is there. Throws
/// InvalidInput for other shapes, NumericalFailure when every weight is zero or one is not a
/// number.
Expectation expectation_under_weights(const Tensor& values, const WeightedDraws& draws);

}  // namespace ergon
