#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

namespace ergon {

/// One type under three names: ergon::Tensor, at::Tensor and torch::Tensor. Shapes are written
/// (..., M, D): D the dimension of a point, M the particle, anything before independent problems.
using at::Generator;
using at::Tensor;

}  // namespace ergon
