#pragma once

#include <optional>

#include "ergon/core/tensor.hpp"
#include "ergon/estimate/estimate.hpp"

namespace ergon {

/// How far two laws are apart in the eyes of a Gaussian kernel.
struct MaximumMeanDiscrepancy {
  Estimate squared;        ///< unbiased, so it may be below zero when the laws are close
  double bandwidth = 0.0;  ///< σ of κ = exp(-r²/2σ²), in units of the draws
};

/// Squared maximum mean discrepancy E κ(x,x') + E κ(y,y') - 2 E κ(x,y) from independent draws
/// a (n, D) and b (m, D), n, m >= 4, as a U-statistic: pairs of a draw with itself do not count
/// (Gretton et al. 2012, equation 3; (D6) of docs/maths/diagnostics.md). Standard error by
/// Hoeffding's decomposition (D9), right for different laws, for equal ones too large by a factor
/// of 1.1 (D = 20) to 1.4 (D = 1). bandwidth: σ > 0; empty: median of the positive distances among
/// the pooled draws (of 2048 evenly spaced ones when there are more). In float64; work O((n + m)²
/// D) as matrix products, memory O(n + m) times 512 rows. Throws InvalidInput for other shapes,
/// draws that are not finite, a σ that is not positive, and pooled draws that are all equal where σ
/// is empty.
MaximumMeanDiscrepancy maximum_mean_discrepancy(const Tensor& a,
                                                const Tensor& b,
                                                std::optional<double> bandwidth = {});

}  // namespace ergon
