#pragma once

#include <cstdint>
#include <string_view>

#include "ergon/core/tensor.hpp"

/// What statistics over pairs of draws share: checked draws, distances, and the variance of
/// U-statistics by Hoeffding's decomposition. Equations refer to docs/maths/diagnostics.md.
namespace ergon {

inline constexpr std::int64_t kPairRows = 512;  ///< rows of a block of pairs: bounds memory

/// Draws (n, D) as float64 on the CPU. Throws InvalidInput, naming the caller, for other shapes,
/// fewer than `least` draws, and draws that are not finite.
Tensor checked_draws(const Tensor& draws, std::string_view caller, std::int64_t least);

/// ‖x_i - y_j‖² by a matrix product, (n, D), (m, D) -> (n, m): give points near the origin.
Tensor squared_distances(const Tensor& x, const Tensor& y);

/// Median of the positive distances of all pairs among draws (n, D), of 2048 evenly spaced ones
/// when there are more; the upper of two middle values. Throws InvalidInput when all are equal.
double median_pair_distance(const Tensor& draws, std::string_view caller);

/// Sums over ordered pairs of different draws of a symmetric function h.
struct PairSums {
  Tensor rows;         ///< (n)  Σ_{j≠i} h_ij
  double squares = 0;  ///< Σ_{i≠j} h_ij²
};

/// Unbiased estimates from n >= 4 draws (D8).
struct PairMoments {
  double mean = 0;               ///< θ = E h(x, x')
  double squared_mean = 0;       ///< of θ²
  double linear_variance = 0;    ///< Var E[h(x, x') | x]
  double residual_variance = 0;  ///< variance of what h is beyond its two conditional means
};
PairMoments pair_moments(const PairSums& sums);

}  // namespace ergon
