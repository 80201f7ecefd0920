#include "ergon/flow/radial.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "layer_input.hpp"
#include "parameters.hpp"
#include "strength.hpp"

namespace ergon {
namespace {

using internal::inner_product;
using internal::times;

constexpr double kStartingStrength = 0.1;
constexpr double kLeastRadius = 1e-3;  // of α

/// r² below this counts as zero, so that r⁻³, which a second derivative holds, stays a number.
double tiny(at::ScalarType type) { return type == at::kDouble ? 1e-60 : 1e-20; }

/// |v| with zero derivatives at 0.
Tensor safe_norm(const Tensor& v) {
  const Tensor squared = (v * v).sum(-1), away = squared.detach() > tiny(v.scalar_type());
  const Tensor root = at::where(away, squared, at::ones_like(squared)).sqrt();
  return at::where(away, root, at::zeros_like(root));
}

}  // namespace

/// z₀ (..., n, D) or (D), α and κ (..., n) or ().
struct Radial::Numbers {
  Tensor center, radius, strength;
};

namespace {

/// What the layer does at distance r: x - z₀ is scaled by 1 + stretch, and distances by a factor
/// 1 + radial_stretch.
struct AtRadius {
  Tensor h, stretch, radial_stretch;

  AtRadius(const Tensor& radius, const Tensor& strength, const Tensor& r)
      : h(1 / (radius + r)), stretch(strength * radius * h), radial_stretch(stretch * radius * h) {}
  Tensor log_det(std::int64_t dim) const {
    const Tensor along = at::log1p(radial_stretch);
    return dim == 1 ? along : static_cast<double>(dim - 1) * at::log1p(stretch) + along;
  }
  /// d log|det| / dr.
  Tensor log_det_slope(std::int64_t dim) const {
    return -h * (static_cast<double>(dim - 1) * stretch / (1 + stretch) +
                 2 * radial_stretch / (1 + radial_stretch));
  }
};

/// v / r, zero where r is.
Tensor unit_vectors(const Tensor& v, const Tensor& r) {
  return times(at::where(r > 0, 1 / r, at::zeros_like(r)), v);
}

/// r from ρ = r (1 + κ α / (α + r)): r² + (α (1 + κ) - ρ) r - ρ α = 0, the positive root in the
/// form that does not cancel.
Tensor radius_before(const Tensor& rho, const Tensor& radius, const Tensor& strength) {
  const Tensor b = radius * (1 + strength) - rho, product = rho * radius;
  const Tensor root = (b * b + 4 * product).sqrt(), inner = b > 0;
  return at::where(inner, 2 * product / at::where(inner, b + root, at::ones_like(b)),
                   (root - b) / 2);
}

}  // namespace

Radial::Radial(std::int64_t dim,
               std::int64_t context_dim,
               const NetworkOptions& options,
               Generator generator)
    : dim_(dim) {
  require(dim >= 1, "a radial layer needs a dimension of at least 1, got {}", dim);
  require(context_dim >= 0, "a radial layer's context cannot have {} numbers; pass 0 for none",
          context_dim);
  const auto normal = [&](std::int64_t count) {
    return draw::normal_like(at::empty({count}, at::kDouble), generator);
  };
  center_ = internal::as_parameter(normal(dim));
  radius_ = internal::zero_parameter({1});
  strength_ =
      internal::as_parameter(kStartingStrength / std::sqrt(static_cast<double>(dim)) * normal(1));
  if (context_dim > 0)
    network_ = fully_connected({context_dim, 0, dim + 2}, options, std::move(generator));
}

Radial::Numbers Radial::numbers(const Tensor& points, const Tensor& context) const {
  internal::require_layer_input("radial layer", points, dim_, context, context_dim());
  Tensor center = center_, radius = radius_, strength = strength_;
  if (network_) {
    const Tensor added = network_->evaluate(context, {}).output;
    center = center + added.narrow(-1, 0, dim_);
    radius = radius + added.narrow(-1, dim_, 1);
    strength = strength + added.narrow(-1, dim_ + 1, 1);
  }
  const Tensor softplus = at::softplus(radius.squeeze(-1) + internal::kSoftplusOne);
  return {std::move(center), kLeastRadius + (1 - kLeastRadius) * softplus,
          internal::invertible_strength(strength.squeeze(-1))};
}

Mapped Radial::forward(const Tensor& x, const Tensor& context) const {
  const Numbers n = numbers(x, context);
  const Tensor v = x - n.center;
  const AtRadius at(n.radius, n.strength, safe_norm(v));
  return {x + times(at.stretch, v), at.log_det(dim_)};
}

Mapped Radial::inverse(const Tensor& y, const Tensor& context) const {
  const Numbers n = numbers(y, context);
  const Tensor v = y - n.center;
  const AtRadius at(n.radius, n.strength, radius_before(safe_norm(v), n.radius, n.strength));
  return {n.center + times(1 / (1 + at.stretch), v), -at.log_det(dim_)};
}

// With the unit vector e = (x - z₀) / r the Jacobian is (1 + stretch) (I - e eᵀ) +
// (1 + radial_stretch) e eᵀ: symmetric, and its own kind under inversion.
Carried Radial::carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const {
  const Numbers n = numbers(x, context);
  const Tensor v = x - n.center, r = safe_norm(v);
  const AtRadius at(n.radius, n.strength, r);
  Carried carried{x + times(at.stretch, v), at.log_det(dim_), {}};
  const at::NoGradGuard no_grad;
  const Tensor e = unit_vectors(v, r), across = 1 / (1 + at.stretch);
  const Tensor at_x = force - times(at.log_det_slope(dim_), e);
  carried.force = times(across, at_x) +
                  times((1 / (1 + at.radial_stretch) - across) * inner_product(at_x, e), e);
  return carried;
}

Carried Radial::carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const {
  const Numbers n = numbers(y, context);
  const Tensor v = y - n.center, rho = safe_norm(v);
  const AtRadius at(n.radius, n.strength, radius_before(rho, n.radius, n.strength));
  Carried carried{n.center + times(1 / (1 + at.stretch), v), -at.log_det(dim_), {}};
  const at::NoGradGuard no_grad;
  const Tensor e = unit_vectors(v, rho);
  carried.force =
      times(1 + at.stretch, force) +
      times((at.radial_stretch - at.stretch) * inner_product(force, e) + at.log_det_slope(dim_), e);
  return carried;
}

NamedTensors Radial::parameters() const {
  NamedTensors named{{"center", center_}, {"radius", radius_}, {"strength", strength_}};
  if (network_) {
    for (const auto& [name, tensor] : network_->parameters())
      named.emplace_back("network." + name, tensor);
  }
  return named;
}

}  // namespace ergon
