#pragma once

#include <string>

#include "ergon/rl/policy_file.hpp"

namespace ergon {

/// The opset and the version of the format that export_onnx writes; runtimes of 2021 and later read
/// them.
inline constexpr int kOnnxOpset = 13;
inline constexpr int kOnnxFormat = 7;

/// A policy as the bytes of an ONNX model (https://onnx.ai), float32. Input "observation" (batch x
/// observation_dim), any batch. Outputs, all (batch x action_dim): "action", tanh of the mean in
/// the environment's own range (docs/maths/sac.md, eq. 1), or in (-1, 1) where the description
/// knows no range; "mean" and "log_stddev" of the Gaussian before the tanh, from which
/// low + (tanh(mean + exp(log_stddev) noise) + 1)/2 (high - low) is a draw. The model's metadata
/// has the words "environment", "algorithm", "steps", "seed", "model_hash". Throws InvalidInput for
/// a description whose sizes do not fit each other.
std::string policy_onnx(const PolicyDescription& policy);

/// Writes them. Throws InvalidInput naming the path.
void export_onnx(const PolicyDescription& policy, const std::string& path);

}  // namespace ergon
