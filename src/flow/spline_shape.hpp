#pragma once

#include <algorithm>
#include <cstdint>

#include "ergon/core/tensor.hpp"
#include "ergon/flow/transformer.hpp"

namespace ergon::spline {

/// What defines a family of monotone rational-quadratic splines. θ holds bins widths, bins heights
/// (both before a softmax), and bins - 1 logarithms of slopes at the inner knots.
struct Shape {
  std::int64_t bins;
  double tail;

  std::int64_t parameters() const { return 3 * bins - 1; }
  /// Share of [-tail, tail] that every bin has at least, across and up.
  double least_share() const { return std::min(1e-3, 0.5 / static_cast<double>(bins)); }
};

/// A slope at an inner knot is exp(bound tanh(v / bound)), within [1/1000, 1000] and 1 at v = 0:
/// bounds on both sides, where a softplus has one.
inline constexpr double kLogSlopeBound = 6.907755278982137;

using Direction = Transformer::Direction;

}  // namespace ergon::spline
