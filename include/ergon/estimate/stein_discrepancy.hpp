#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"
#include "ergon/estimate/estimate.hpp"
#include "ergon/estimate/stein_discrepancy_options.hpp"

/// Kernel Stein discrepancy: how far draws are from a law of which only the score is known, (D1) to
/// (D5) of docs/maths/diagnostics.md. draws (n, D), scores (n, D): ∇ log p̄ at the draws. Everything
/// in float64; work O(n² D) as matrix products, memory O(n) times 512 rows. Throws InvalidInput for
/// other shapes, numbers that are not finite, and draws that are all equal where the length scale
/// is to come from them.
namespace ergon {

/// Squared kernel Stein discrepancy of the law of the draws from p.
struct SteinDiscrepancy {
  /// Mean of the Stein kernel over pairs of different draws: unbiased for independent draws and a
  /// length scale that is given, so it may be below zero. Standard error by Hoeffding's
  /// decomposition (D9), draws taken as independent; for exact draws of p too large, at most by √2.
  Estimate u_statistic;
  double v_statistic = 0.0;   ///< over all pairs: that of the draws as a discrete law, >= 0
  double length_scale = 0.0;  ///< c or σ
};

/// n >= 4.
SteinDiscrepancy stein_discrepancy(const Tensor& draws,
                                   const Tensor& scores,
                                   const SteinDiscrepancyOptions& options = {});

/// Bootstrap of the U-statistic.
struct SteinBootstrap {
  std::int64_t repetitions = 999;
  /// Probability that the sign of a draw differs from that of the draw before: 0.5 for independent
  /// draws, smaller for consecutive draws of a chain, about half its autocorrelation time's
  /// inverse. In (0, 0.5].
  double flip_probability = 0.5;
};

/// Whether draws can be those of a law.
struct GoodnessOfFit {
  double statistic = 0.0;  ///< U-statistic of the squared discrepancy
  double p_value = 1.0;    ///< in [1/(repetitions + 1), 1]
};

/// Wild bootstrap (Chwialkowski, Strathmann and Gretton 2016): p = (1 + number of sign vectors ε
/// with Σ_{i≠j} ε_i ε_j h_ij >= Σ_{i≠j} h_ij) / (repetitions + 1). The level is asymptotic.
/// n >= 4; work O(n² (D + repetitions)), memory O(n (512 + repetitions)).
GoodnessOfFit stein_discrepancy_test(const Tensor& draws,
                                     const Tensor& scores,
                                     const SteinDiscrepancyOptions& options,
                                     const SteinBootstrap& bootstrap,
                                     Generator generator);

}  // namespace ergon
