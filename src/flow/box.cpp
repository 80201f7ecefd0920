#include "ergon/flow/box.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "layer_input.hpp"

namespace ergon {
namespace {

constexpr const char* kName = "a box layer";

/// The ends of a box and the numbers next to them inside, in the points' type.
struct Ends {
  double lower, upper, first, last;
};

template <class Real>
Ends ends_as(double lower, double upper) {
  const auto low = static_cast<Real>(lower);
  const auto high = static_cast<Real>(upper);
  const Real first = std::nextafter(low, high);
  require(std::isfinite(high - low) && first < high,
          "a box from {} to {} has no room, or too much, in float{}; choose other ends, or double "
          "precision",
          lower, upper, 8 * sizeof(Real));
  return {low, high, first, std::nextafter(high, low)};
}

Ends ends_for(const Tensor& points, double lower, double upper) {
  return points.scalar_type() == at::kFloat ? ends_as<float>(lower, upper)
                                            : ends_as<double>(lower, upper);
}

struct Inside {
  Tensor outside;       ///< (..., n, D)  truths
  Tensor above, below;  ///< (..., n, D)  distances to the ends; half the width for what is outside
};

Inside inside(const Tensor& y, const Ends& ends) {
  const Tensor outside = ((y > ends.lower) & (y < ends.upper)).logical_not();  // NaN is outside
  const Tensor safe = y.masked_fill(outside, 0.5 * ends.lower + 0.5 * ends.upper);
  return {outside, safe - ends.lower, ends.upper - safe};
}

Mapped logit(const Inside& at, double width) {
  const Tensor log_above = at.above.log(), log_below = at.below.log();
  const Tensor log_det = (std::log(width) - log_above - log_below).sum(-1);
  return {log_above - log_below,
          log_det.masked_fill(at.outside.any(-1), -std::numeric_limits<double>::infinity())};
}

}  // namespace

Box::Box(std::int64_t dim, double lower, double upper) : dim_(dim), lower_(lower), upper_(upper) {
  require(dim >= 1, "{} needs at least 1 coordinate, got {}", kName, dim);
  require(std::isfinite(lower) && std::isfinite(upper) && lower < upper,
          "a box needs finite ends in order, got lower = {} and upper = {}", lower, upper);
}

Mapped Box::forward(const Tensor& x, const Tensor&) const {
  internal::require_layer_input(kName, x, dim_, Tensor(), 0);
  const Ends ends = ends_for(x, lower_, upper_);
  const double width = ends.upper - ends.lower;
  const Tensor exact = ends.lower + width * at::sigmoid(x);
  // Rounding is no part of the map: the derivative stays that of the exact point.
  const Tensor points = exact + (exact.clamp(ends.first, ends.last) - exact).detach();
  return {points, (std::log(width) + at::log_sigmoid(x) + at::log_sigmoid(-x)).sum(-1)};
}

Mapped Box::inverse(const Tensor& y, const Tensor&) const {
  internal::require_layer_input(kName, y, dim_, Tensor(), 0);
  const Ends ends = ends_for(y, lower_, upper_);
  return logit(inside(y, ends), ends.upper - ends.lower);
}

// With t = σ(x): f' = w t (1 - t), (log f')' = 1 - 2t = -tanh(x/2), and
// G' = (G + tanh(x/2)) / f'.
Carried Box::carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const {
  const Mapped there = forward(x, context);
  const at::NoGradGuard no_graph;
  const Tensor at = x.detach();
  const Tensor log_slope = std::log(upper_ - lower_) + at::log_sigmoid(at) + at::log_sigmoid(-at);
  const double largest = at.scalar_type() == at::kFloat ? 80.0 : 700.0;  // exp stays finite
  const Tensor reciprocal = (-log_slope).clamp_max(largest).exp();
  return {there.points, there.log_det, (force.detach() + at::tanh(0.5 * at)) * reciprocal};
}

// With a = y - lower, b = upper - y: g' = w / (a b), (log g')' = 1/b - 1/a, and
// G' = (G a b - (a - b)) / w.
Carried Box::carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const {
  internal::require_layer_input(kName, y, dim_, context, 0);
  const Ends ends = ends_for(y, lower_, upper_);
  const double width = ends.upper - ends.lower;
  const Inside at = inside(y, ends);
  const Mapped back = logit(at, width);
  const at::NoGradGuard no_graph;
  const Tensor above = at.above.detach(), below = at.below.detach();
  const Tensor carried = (force.detach() * above * below - (above - below)) / width;
  return {back.points, back.log_det, carried.masked_fill(at.outside, 0.0)};
}

}  // namespace ergon
