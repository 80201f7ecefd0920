#pragma once

#include <ATen/ATen.h>

#include "ergon/core/tensor.hpp"

/// Logarithms of scales that stay within bounds.
namespace ergon::internal {

/// exp(±14) is about a million and its inverse.
constexpr double kLogScaleBound = 14.0;

/// s = 14 tanh(σ / 14).
inline Tensor bounded_log_scale(const Tensor& sigma) {
  return at::tanh(sigma / kLogScaleBound) * kLogScaleBound;
}

/// One number for every point of (..., n, D): numbers of the shape () or (..., n).
inline Tensor for_every_point(const Tensor& numbers, const Tensor& points) {
  return at::zeros_like(points.detach().select(-1, 0)) + numbers;
}

}  // namespace ergon::internal
