#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "communicator.hpp"
#include "ergon/core/tensor.hpp"

namespace ergon::stein {

/// The collective functions, so that ranks that call different ones say so instead of waiting for
/// each other's messages for ever.
enum class RingTask : std::int64_t {
  kVelocity,
  kVelocityAndTrace,
  kProducts,
  kTransposedProducts,
  kMeanBandwidth,
  kMedianBandwidth,
};

/// What one rank brings to a task. Undefined tensors: the task does not take them.
struct RingInput {
  RingTask task;
  Tensor points;           // (m, D)
  Tensor score;            // (m, D)
  Tensor vectors;          // (P, m, D)
  double bandwidth = 1.0;  // σ
};

/// What is wrong with the own input, one sentence without an end; empty: nothing.
std::string problem_of(const RingInput& input);

/// Looks at everybody's input before the first block travels: returns the number of rows of every
/// rank, or throws InvalidInput with the same words on every rank.
std::vector<std::int64_t> agree(const Communicator& ranks, const RingInput& input);

}  // namespace ergon::stein
