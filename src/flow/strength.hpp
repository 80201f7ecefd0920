#pragma once

#include <ATen/ATen.h>

#include "ergon/core/tensor.hpp"

/// What planar and radial layers share.
namespace ergon::internal {

inline constexpr double kSoftplusOne = 0.5413248546129181;  // log(e - 1), where softplus is 1
inline constexpr double kStrongest = 0.99;

/// m(a) = 0.99 (softplus(a + log(e - 1)) - 1): increasing, above -0.99, m(0) = 0. Both layers can
/// be inverted for strengths above -1; the distance to it is what float32 needs.
inline Tensor invertible_strength(const Tensor& raw) {
  return (at::softplus(raw + kSoftplusOne) - 1) * kStrongest;
}

/// aᵀb over the last dimension; a (..., D), b (..., D) or (D).
inline Tensor inner_product(const Tensor& a, const Tensor& b) {
  return b.dim() == 1 ? at::matmul(a, b) : (a * b).sum(-1);
}

/// Numbers (..., n), or (), times vectors (..., n, D), or (D).
inline Tensor times(const Tensor& numbers, const Tensor& vectors) {
  return numbers.unsqueeze(-1) * vectors;
}

}  // namespace ergon::internal
