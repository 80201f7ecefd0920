#pragma once

#include <ATen/ATen.h>

#include "ergon/core/tensor.hpp"

namespace ergon::internal {

/// log N(z; 0, I), (..., D) -> (...).
inline Tensor base_log_prob(const Tensor& z) {
  constexpr double kLog2Pi = 1.8378770664093454836;
  return -0.5 * z.square().sum(-1) - 0.5 * kLog2Pi * static_cast<double>(z.size(-1));
}

}  // namespace ergon::internal
