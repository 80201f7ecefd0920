#pragma once

#include <ATen/ATen.h>

#include "ergon/core/tensor.hpp"
#include "ergon/flow/options.hpp"

/// Activations of the networks inside layers, with their derivative from what an evaluation kept.
namespace ergon::internal {

/// σ(pre), elementwise. Twice differentiable.
inline Tensor activate(Activation activation, const Tensor& pre) {
  switch (activation) {
    case Activation::kTanh:
      return at::tanh(pre);
    case Activation::kRelu:
      return at::relu(pre);
    case Activation::kSilu:
      break;
  }
  return at::silu(pre);
}

/// What the derivative is computed from: σ(pre) for tanh and relu, pre for silu. This is what
/// Conditioned::activations holds.
inline const Tensor& kept_for_derivative(Activation activation,
                                         const Tensor& pre,
                                         const Tensor& activated) {
  return activation == Activation::kSilu ? pre : activated;
}

/// cotangent ← cotangent ∘ σ'(pre), in place, one pass. For code without a graph.
inline void pull_back_activation_(Activation activation, const Tensor& kept, Tensor& cotangent) {
  switch (activation) {
    case Activation::kTanh:
      at::tanh_backward_out(cotangent, cotangent, kept);
      return;
    case Activation::kRelu:
      at::threshold_backward_out(cotangent, cotangent, kept, 0);
      return;
    case Activation::kSilu:
      break;
  }
  at::silu_backward_out(cotangent, cotangent, kept);
}

}  // namespace ergon::internal
