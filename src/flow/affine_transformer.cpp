#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/flow/transformer.hpp"

namespace ergon {
namespace {

/// θ₁ and θ₂, (..., d) each. Backwards this stacks over the first dimension, which is faster than
/// element by element over the last.
std::vector<Tensor> numbers_of(const Tensor& theta) { return theta.movedim(-1, 0).unbind(0); }

/// (..., d, 2), without a graph.
Tensor side_by_side(const Tensor& first, const Tensor& second) {
  auto sizes = first.sizes().vec();
  sizes.push_back(2);
  Tensor both = at::empty(sizes, first.options());
  both.select(-1, 0).copy_(first);
  both.select(-1, 1).copy_(second);
  return both;
}

/// f(x) = x e^s + b with s = B tanh(θ₁ / B), b = θ₂.
class AffineTransformer final : public Transformer {
 public:
  explicit AffineTransformer(double bound) : bound_(bound) {}

  std::int64_t parameters_per_coordinate() const override { return 2; }

  Transformed forward(const Tensor& x, const Tensor& theta) const override {
    const auto parts = numbers_of(theta);
    const Tensor log_scale = at::tanh(parts[0] * (1 / bound_)) * bound_;
    return {at::addcmul(parts[1], x, at::exp(log_scale)), log_scale};
  }

  Transformed inverse(const Tensor& y, const Tensor& theta) const override {
    const auto parts = numbers_of(theta);
    const Tensor log_derivative = at::tanh(parts[0] * (1 / bound_)) * -bound_;
    return {(y - parts[1]) * at::exp(log_derivative), log_derivative};
  }

  /// s does not depend on x.
  Tensor slope(const Tensor&, const Tensor&, Direction) const override { return {}; }

  /// With t = tanh(θ₁ / B), ∂s/∂θ₁ = 1 - t²:
  ///   forward: ((a x e^s + b) (1 - t²), a);
  ///   inverse: x̂ = (y - θ₂) e^-s, (-(a x̂ + b) (1 - t²), -a e^-s).
  Tensor pull_back(const Tensor& x,
                   const Tensor& theta,
                   const Tensor& a,
                   double b,
                   Direction direction) const override {
    const at::NoGradGuard no_grad;
    const auto parts = numbers_of(theta);
    const Tensor t = at::mul(parts[0], 1 / bound_).tanh_();
    if (direction == Direction::kForward) {
      Tensor c = at::mul(t, bound_).exp_().mul_(x).mul_(a).add_(b);
      return side_by_side(at::tanh_backward(c, t), a);
    }
    const Tensor shift = at::mul(t, -bound_).exp_().mul_(a).neg_();  // -a e^-s
    Tensor c = at::sub(x, parts[1]).mul_(shift).sub_(b);
    return side_by_side(at::tanh_backward(c, t), shift);
  }

 private:
  double bound_;
};

}  // namespace

std::unique_ptr<Transformer> affine_transformer(double log_scale_bound) {
  require(std::isfinite(log_scale_bound) && log_scale_bound > 0,
          "the bound of an affine map's log-scale is {}; it must be a positive number",
          log_scale_bound);
  return std::make_unique<AffineTransformer>(log_scale_bound);
}

}  // namespace ergon
