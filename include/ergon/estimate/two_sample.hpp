#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// How far two samples are apart and how often chance alone puts them so far.
struct TwoSampleTest {
  double statistic = 0.0;  ///< 0 for equal samples, in units of the draws
  double p_value = 1.0;    ///< in [1/(permutations + 1), 1]
};

/// Permutation test of whether independent draws a (n, D) and b (m, D) come from one law, by the
/// squared energy distance 2 E|a - b| - E|a - a'| - E|b - b'| over all pairs (Székely and Rizzo
/// 2013), whose expectation tells any two laws with a mean apart. p = (1 + number of relabellings
/// at least as far apart) / (permutations + 1), so that P(p <= u) <= u under the null at any sample
/// size. In float64; memory O((n + m)²), work O(permutations · (n + m)²) as matrix products. Throws
/// InvalidInput for other shapes, draws that are not finite, and fewer than 1 permutation.
TwoSampleTest energy_test(const Tensor& a,
                          const Tensor& b,
                          std::int64_t permutations,
                          Generator generator);

}  // namespace ergon
