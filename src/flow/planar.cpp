#include "ergon/flow/planar.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include <cmath>
#include <limits>
#include <utility>

#include "ergon/core/errors.hpp"
#include "layer_input.hpp"
#include "parameters.hpp"
#include "strength.hpp"

namespace ergon {
namespace {

using internal::inner_product;
using internal::times;

constexpr double kStartingLength = 0.1;  // of u
constexpr double kTiny = 1e-12;          // keeps w / |w|² finite at w = 0
constexpr int kMostSteps = 100;
constexpr int kTracedSteps = 30;

/// α - (α + m tanh α - β) / (1 + m sech² α).
Tensor newton_step(const Tensor& alpha, const Tensor& beta, const Tensor& strength) {
  const Tensor t = alpha.tanh();
  return alpha - (alpha + strength * t - beta) / (1 + strength * (1 - t * t));
}

/// The root α of α + m tanh α = β, without a graph. The function is odd, and for α > 0 concave
/// where m > 0, convex where m < 0: from the end of a bracket on the side that the curve bends away
/// from, Newton's steps never pass the root.
Tensor root_without_graph(const Tensor& beta, const Tensor& strength) {
  const at::NoGradGuard no_grad;
  const Tensor size = beta.abs(), shifted = size - strength, scaled = size / (1 + strength);
  Tensor alpha =
      at::where(strength > 0, at::maximum(shifted, scaled), at::minimum(shifted, scaled));
  if (torch::jit::tracer::isTracing()) {  // a trace cannot look at numbers
    for (int step = 0; step < kTracedSteps; ++step) alpha = newton_step(alpha, size, strength);
    return alpha * beta.sign();
  }
  const double rounding =
      4 * (alpha.scalar_type() == at::kFloat ? std::numeric_limits<float>::epsilon()
                                             : std::numeric_limits<double>::epsilon());
  for (int step = 0; step < kMostSteps; ++step) {
    const Tensor next = newton_step(alpha, size, strength);
    const bool still = ((next - alpha).abs() <= rounding * (1 + next.abs())).all().item<bool>();
    alpha = next;
    if (still) break;
  }
  return alpha * beta.sign();
}

/// The same with derivatives: a Newton step at the root has the root's first ones, a second step
/// its second ones.
Tensor root(const Tensor& beta, const Tensor& strength) {
  const Tensor alpha = root_without_graph(beta, strength);
  if (!at::GradMode::is_enabled() || !(beta.requires_grad() || strength.requires_grad()))
    return alpha;
  return newton_step(newton_step(alpha, beta, strength), beta, strength);
}

}  // namespace

/// w and û (..., n, D) or (D), b and wᵀû (..., n) or ().
struct Planar::Numbers {
  Tensor direction, displacement, offset, strength;

  Tensor argument(const Tensor& x) const { return inner_product(x, direction) + offset; }
  Tensor log_det(const Tensor& tanh) const { return at::log1p(strength * (1 - tanh * tanh)); }
  /// ∇ log|det| = wᵀû h'' / (1 + wᵀû h') w for h = tanh, h'' = -2 tanh h'.
  Tensor log_det_gradient(const Tensor& tanh) const {
    const Tensor slope = 1 - tanh * tanh;
    return times(-2 * strength * tanh * slope / (1 + strength * slope), direction);
  }
};

Planar::Planar(std::int64_t dim,
               std::int64_t context_dim,
               const NetworkOptions& options,
               Generator generator)
    : dim_(dim) {
  require(dim >= 1, "a planar layer needs a dimension of at least 1, got {}", dim);
  require(context_dim >= 0, "a planar layer's context cannot have {} numbers; pass 0 for none",
          context_dim);
  const Tensor like = at::empty({dim}, at::kDouble);
  const double unit = 1 / std::sqrt(static_cast<double>(dim));
  direction_ = internal::as_parameter(unit * draw::normal_like(like, generator));
  displacement_ =
      internal::as_parameter(kStartingLength * unit * draw::normal_like(like, generator));
  offset_ = internal::zero_parameter({1});
  if (context_dim > 0)
    network_ = fully_connected({context_dim, 0, 2 * dim + 1}, options, std::move(generator));
}

Planar::Numbers Planar::numbers(const Tensor& points, const Tensor& context) const {
  internal::require_layer_input("planar layer", points, dim_, context, context_dim());
  Tensor direction = direction_, displacement = displacement_, offset = offset_;
  if (network_) {
    const Tensor added = network_->evaluate(context, {}).output;
    direction = direction + added.narrow(-1, 0, dim_);
    displacement = displacement + added.narrow(-1, dim_, dim_);
    offset = offset + added.narrow(-1, 2 * dim_, 1);
  }
  // û = (u - wᵀu w / |w|²) + m(wᵀu) w / |w|²: in this order nothing large cancels.
  const Tensor raw = (direction * displacement).sum(-1);
  const Tensor bounded = internal::invertible_strength(raw);
  const Tensor squared = (direction * direction).sum(-1);
  const Tensor safe = squared + kTiny;
  Numbers numbers;
  numbers.displacement =
      displacement - times(raw / safe, direction) + times(bounded / safe, direction);
  numbers.strength = raw * (kTiny / safe) + bounded * (squared / safe);
  numbers.direction = std::move(direction);
  numbers.offset = offset.squeeze(-1);
  return numbers;
}

Mapped Planar::forward(const Tensor& x, const Tensor& context) const {
  const Numbers n = numbers(x, context);
  const Tensor t = n.argument(x).tanh();
  return {x + times(t, n.displacement), n.log_det(t)};
}

Mapped Planar::inverse(const Tensor& y, const Tensor& context) const {
  const Numbers n = numbers(y, context);
  const Tensor t = root(n.argument(y), n.strength).tanh();
  return {y - times(t, n.displacement), -n.log_det(t)};
}

// J = I + h' û wᵀ, so J⁻ᵀ g = g - w h' (ûᵀg) / (1 + h' wᵀû).
Carried Planar::carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const {
  const Numbers n = numbers(x, context);
  const Tensor t = n.argument(x).tanh();
  Carried carried{x + times(t, n.displacement), n.log_det(t), {}};
  const at::NoGradGuard no_grad;
  const Tensor at_x = force - n.log_det_gradient(t), slope = 1 - t * t;
  const Tensor along = slope * inner_product(at_x, n.displacement) / (1 + n.strength * slope);
  carried.force = at_x - times(along, n.direction);
  return carried;
}

// The way back: Jᵀ g + ∇ log|det J| at x, Jᵀ g = g + w h' (ûᵀg).
Carried Planar::carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const {
  const Numbers n = numbers(y, context);
  const Tensor t = root(n.argument(y), n.strength).tanh();
  Carried carried{y - times(t, n.displacement), -n.log_det(t), {}};
  const at::NoGradGuard no_grad;
  const Tensor along = (1 - t * t) * inner_product(force, n.displacement);
  carried.force = force + times(along, n.direction) + n.log_det_gradient(t);
  return carried;
}

NamedTensors Planar::parameters() const {
  NamedTensors named{
      {"direction", direction_}, {"displacement", displacement_}, {"offset", offset_}};
  if (network_) {
    for (const auto& [name, tensor] : network_->parameters())
      named.emplace_back("network." + name, tensor);
  }
  return named;
}

}  // namespace ergon
