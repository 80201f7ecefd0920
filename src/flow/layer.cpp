#include "ergon/flow/layer.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

namespace ergon {
namespace {

/// ∇ [Gᵀ S(y) + log|det ∇S(y)|] at y for the inverse S of the map that led to y: with x = S(y) this
/// is (∇S)ᵀ G + ∇ log|det ∇S| = J⁻ᵀ (G - ∇ log|det J(x)|).
template <class Inverse>
Tensor force_by_inverse(const Tensor& y, const Tensor& force, const Inverse& inverse) {
  const c10::AutoGradMode grad(true);
  const Tensor leaf = y.detach().requires_grad_(true);
  const Mapped back = inverse(leaf);
  const Tensor value = (force.detach() * back.points).sum() + back.log_det.sum();
  return torch::autograd::grad({value}, {leaf})[0].detach();
}

}  // namespace

Carried FlowLayer::carry_forward(const Tensor& x,
                                 const Tensor& force,
                                 const Tensor& context) const {
  Mapped there = forward(x, context);
  Tensor carried =
      force_by_inverse(there.points, force, [&](const Tensor& y) { return inverse(y, context); });
  return {std::move(there.points), std::move(there.log_det), std::move(carried)};
}

Carried FlowLayer::carry_inverse(const Tensor& y,
                                 const Tensor& force,
                                 const Tensor& context) const {
  Mapped back = inverse(y, context);
  Tensor carried =
      force_by_inverse(back.points, force, [&](const Tensor& x) { return forward(x, context); });
  return {std::move(back.points), std::move(back.log_det), std::move(carried)};
}

Tensor FlowLayer::start_from_data(const Tensor& y, const Tensor& context) {
  const at::NoGradGuard no_grad;
  return inverse(y, context).points;
}

}  // namespace ergon
