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

/// σ of a log-scale s. Near and beyond the bound, where tanh's inverse would be infinite, that of
/// 0.98 of the bound.
inline Tensor unbounded_log_scale(const Tensor& log_scale) {
  return at::atanh(at::clamp(log_scale / kLogScaleBound, -0.98, 0.98)) * kLogScaleBound;
}

/// One number for every point of (..., n, D): numbers of the shape () or (..., n).
inline Tensor for_every_point(const Tensor& numbers, const Tensor& points) {
  return at::zeros_like(points.detach().select(-1, 0)) + numbers;
}

/// The log-determinant of a map that keeps volumes.
inline Tensor zero_for_every_point(const Tensor& points) {
  return at::zeros_like(points.detach().select(-1, 0));
}

}  // namespace ergon::internal
