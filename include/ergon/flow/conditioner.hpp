#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/flow/options.hpp"

namespace ergon {

/// What a network said, with what its hidden layers held.
struct Conditioned {
  Tensor output;                    ///< (..., n, out)
  std::vector<Tensor> activations;  ///< of the hidden layers, in order, for `pull_back`
};

/// A network that computes the parameters of a layer from coordinates and a context. Its last layer
/// starts at zero, so that every layer starts as the identity.
class Conditioner {
 public:
  virtual ~Conditioner() = default;
  virtual std::int64_t input_dim() const = 0;
  virtual std::int64_t context_dim() const = 0;
  virtual std::int64_t output_dim() const = 0;
  /// input (..., n, in), context (..., n, C) or undefined -> output. Twice differentiable.
  virtual Conditioned evaluate(const Tensor& input, const Tensor& context) const = 0;
  /// cotangentᵀ ∂output/∂input at an evaluation, (..., n, out) -> (..., n, in). Without a graph, by
  /// hand: no tape is walked.
  virtual Tensor pull_back(const Conditioned& at, const Tensor& cotangent) const = 0;
  virtual NamedTensors parameters() const = 0;
};

/// Sizes of a network.
struct ConditionerShape {
  std::int64_t input_dim = 0;
  std::int64_t context_dim = 0;
  std::int64_t output_dim = 0;
};

/// A fully connected network: hidden layers with an activation, a linear last layer of zeros.
/// Weights and biases of hidden layers uniform with variance 1/fan_in, float64 until their handles
/// are given another type. Context and input enter side by side. Throws InvalidInput: sizes
/// below 1.
std::unique_ptr<Conditioner> fully_connected(const ConditionerShape& shape,
                                             const NetworkOptions& options,
                                             Generator generator);

}  // namespace ergon
