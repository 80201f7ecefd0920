#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"

/// Learned tensors: leaves that require gradients, float64 at birth whatever type they get later.
namespace ergon::internal {

inline Tensor as_parameter(const Tensor& values) { return values.detach().requires_grad_(true); }

/// Zeros as a parameter.
inline Tensor zero_parameter(at::IntArrayRef shape) {
  return as_parameter(at::zeros(shape, at::TensorOptions().dtype(at::kDouble)));
}

/// Independent uniform numbers of mean 0 and variance 1/fan_in as a parameter.
inline Tensor uniform_parameter(at::IntArrayRef shape, double fan_in, Generator generator) {
  const Tensor like = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  const double half_width = std::sqrt(3.0 / fan_in);  // U(-a, a) has variance a²/3
  return as_parameter(
      draw::uniform_like(like, std::move(generator)).mul_(2).sub_(1).mul_(half_width));
}

/// Gives parameters another element type in place: the handles that layers hold follow. What a
/// layer computes from them beforehand does not, so layers keep nothing but the handles.
inline void convert_parameters(const NamedTensors& parameters, at::ScalarType type) {
  for (const auto& [name, tensor] : parameters) {
    tensor.set_data(tensor.detach().to(type));
  }
}

}  // namespace ergon::internal
