#pragma once

#include <cstdint>
#include <functional>

#include "ergon/core/tensor.hpp"

/// Distances between samples by optimal transport; (D13) to (D19) of docs/maths/diagnostics.md. All
/// in float64. Two samples of one law are at a positive distance that shrinks slowly with n
/// (n^(-1/D) for large D): give that of two exact samples beside it.
namespace ergon {

/// Called now and then with the share of the work that is done, in [0, 1]; an exception that it
/// throws ends the work and reaches the caller.
using TransportProgress = std::function<void(double)>;

/// The column for each row of a square matrix of costs (n, n), each column once, such that the sum
/// of their costs is least: (n) int64. Shortest augmenting paths after column and row reduction
/// (Jonker and Volgenant 1987): O(n³), exact up to rounding; memory O(n) beside the costs. Throws
/// InvalidInput for other shapes and costs that are not finite.
Tensor optimal_assignment(const Tensor& costs, const TransportProgress& progress = {});

/// 2-Wasserstein distance between equally many draws.
struct WassersteinDistance {
  double distance = 0.0;  ///< √(mean ‖a_i - b_π(i)‖²), in units of the draws
  double squared = 0.0;
  Tensor partner;  ///< (n) int64: π(i)
};

/// Between a (n, D) and b (n, D), exactly. Time as above (2000 draws: within seconds), memory 8 n²
/// bytes. Throws InvalidInput for other shapes and draws that are not finite.
WassersteinDistance wasserstein_2(const Tensor& a,
                                  const Tensor& b,
                                  const TransportProgress& progress = {});

/// 2-Wasserstein distance of numbers a (n) and b (m), energies for example, n, m >= 1, exactly by
/// their order: O(n log n + m log m). Throws InvalidInput as above.
double wasserstein_2_1d(const Tensor& a, const Tensor& b);

/// How a Sinkhorn divergence is computed.
struct SinkhornOptions {
  double epsilon = 0.0;  ///< weight of the entropy, in squared units of the draws; > 0, to be given
  double marginal_tolerance = 1e-4;    ///< Σ |row sums of the plan - 1/n| at which it ends; > 0
  std::int64_t max_iterations = 5000;  ///< for each of the three plans, >= 1

  /// Throws InvalidInput naming field, value and the rule it breaks.
  void validate() const;
};

/// Debiased entropic transport.
struct SinkhornDivergence {
  double value = 0.0;           ///< S_ε, in squared units of the draws, >= 0 up to the tolerance
  double transport = 0.0;       ///< OT_ε(a, b), entropy included
  double marginal_error = 0;    ///< largest of the three plans
  std::int64_t iterations = 0;  ///< of all three
};

/// S_ε(a, b) = OT_ε(a, b) - ½ OT_ε(a, a) - ½ OT_ε(b, b), cost ‖x - y‖² (no ½), OT_ε = min_π ⟨π, C⟩
/// + ε KL(π | 1/(nm)) (Feydy et al. 2019), a (n, D), b (m, D). Iterations on logarithms, with ε
/// brought down by halves from the largest cost and over-relaxation at the end (D19); one costs
/// O(nm) time and memory. The smaller ε, the more of them. Tends to the
/// squared 2-Wasserstein distance for ε -> 0 and to the squared distance of the means for
/// ε -> ∞. Throws InvalidInput as above, NumericalFailure when the tolerance is not met.
SinkhornDivergence sinkhorn_divergence(const Tensor& a,
                                       const Tensor& b,
                                       const SinkhornOptions& options,
                                       const TransportProgress& progress = {});

}  // namespace ergon
