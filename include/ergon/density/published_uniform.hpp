#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// The rows x cols numbers U[low, high) in float32 that published benchmarks drew as
/// jax.random.uniform(PRNGKey(0), (rows, cols)) before jax 0.5 (Threefry-2x32, not partitionable).
/// Float64. rows x cols must be even; throws InvalidInput otherwise.
Tensor published_uniform(std::int64_t rows, std::int64_t cols, float low, float high);

}  // namespace ergon
