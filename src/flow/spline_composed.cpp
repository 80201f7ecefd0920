#include "spline_composed.hpp"

#include <ATen/ATen.h>

namespace ergon::spline {
namespace {

/// bins + 1 knots (..., d, bins + 1) of one axis from the weights (..., d, bins) before the
/// softmax. The last is `tail` itself, not a sum that rounding has touched.
Tensor knots(const Shape& shape, const Tensor& weights) {
  const double least = shape.least_share();
  const double rest = 1 - static_cast<double>(shape.bins) * least;
  const Tensor shares = at::softmax(weights, -1) * rest + least;
  const Tensor inner = shares.narrow(-1, 0, shape.bins - 1).cumsum(-1) * (2 * shape.tail);
  const Tensor from_left = at::constant_pad_nd(inner - shape.tail, {1, 0}, -shape.tail);
  return at::constant_pad_nd(from_left, {0, 1}, shape.tail);
}

Tensor pick(const Tensor& table, const Tensor& index) {
  return table.gather(-1, index).squeeze(-1);
}

/// The bin of every coordinate, each (..., d).
struct Bins {
  Tensor left, width, bottom, height, left_slope, right_slope;
};

Bins bins_of(const Shape& shape, const Tensor& value, const Tensor& theta, Direction direction) {
  const std::int64_t bins = shape.bins;
  const Tensor across = knots(shape, theta.narrow(-1, 0, bins));
  const Tensor up = knots(shape, theta.narrow(-1, bins, bins));
  const Tensor& searched = direction == Direction::kForward ? across : up;
  const Tensor index = (value.detach().unsqueeze(-1) >= searched.detach().narrow(-1, 1, bins - 1))
                           .sum(-1, /*keepdim=*/true);
  // The outer knots' slope is 1, which is exp(0).
  const Tensor slopes = at::constant_pad_nd(theta.narrow(-1, 2 * bins, bins - 1), {1, 1}, 0);
  const auto slope = [&](const Tensor& at) {
    return (kLogSlopeBound * at::tanh(pick(slopes, at) / kLogSlopeBound)).exp();
  };
  Bins bin;
  bin.left = pick(across, index);
  bin.width = pick(across, index + 1) - bin.left;
  bin.bottom = pick(up, index);
  bin.height = pick(up, index + 1) - bin.bottom;
  bin.left_slope = slope(index);
  bin.right_slope = slope(index + 1);
  return bin;
}

/// log f' at ξ in [0, 1], eq. 5 of Durkan et al. 2019.
Tensor log_derivative(const Bins& bin, const Tensor& xi) {
  const Tensor s = bin.height / bin.width, rest = 1 - xi, product = xi * rest;
  const Tensor denominator = s + (bin.left_slope + bin.right_slope - 2 * s) * product;
  const Tensor numerator =
      bin.right_slope * xi * xi + 2 * s * product + bin.left_slope * rest * rest;
  return 2 * (s / denominator).log() + numerator.log();
}

/// Eq. 4.
Tensor value(const Bins& bin, const Tensor& xi) {
  const Tensor s = bin.height / bin.width, product = xi * (1 - xi);
  const Tensor denominator = s + (bin.left_slope + bin.right_slope - 2 * s) * product;
  return bin.bottom + bin.height * (s * xi * xi + bin.left_slope * product) / denominator;
}

/// ξ for η = (y - bottom) / height: the root of (s - b) ξ² + b ξ - s η = 0 with
/// b = d₀ (1 - η) - d₁ η + 2 s η, in the form that does not cancel. The discriminant is a sum of
/// squares, b² + 4 (s - b) s η = (d₀ (1 - η) - d₁ η)² + 4 s² η (1 - η), positive on [0, 1].
Tensor solve(const Bins& bin, const Tensor& eta) {
  const Tensor s = bin.height / bin.width;
  const Tensor difference = bin.left_slope * (1 - eta) - bin.right_slope * eta;
  const Tensor b = difference + 2 * s * eta;
  const Tensor root = (difference * difference + 4 * s * s * eta * (1 - eta)).sqrt();
  const Tensor upward = b >= 0, one = at::ones_like(b);
  return at::where(upward, 2 * s * eta / at::where(upward, b + root, one),
                   (root - b) / (2 * at::where(upward, one, s - b)));
}

}  // namespace

// Bins are computed in float64: in float32 the sums of small bins would cost half the digits.
Transformed composed_map(const Shape& shape,
                         const Tensor& x,
                         const Tensor& theta,
                         Direction direction) {
  const Tensor inside = x.detach().abs() <= shape.tail;
  // The map outside is the identity; what is computed there is computed at 0, which is safe.
  const Tensor safe = at::where(inside, x, at::zeros_like(x)).to(at::kDouble);
  const Bins bin = bins_of(shape, safe, theta.to(at::kDouble), direction);
  const bool forward = direction == Direction::kForward;
  const Tensor xi =
      forward ? (safe - bin.left) / bin.width : solve(bin, (safe - bin.bottom) / bin.height);
  const Tensor points = forward ? value(bin, xi) : bin.left + bin.width * xi;
  const Tensor log_slope = forward ? log_derivative(bin, xi) : -log_derivative(bin, xi);
  const auto type = x.scalar_type();
  return {at::where(inside, points.to(type), x),
          at::where(inside, log_slope.to(type), at::zeros_like(x))};
}

}  // namespace ergon::spline
