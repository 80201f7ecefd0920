#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/distribution.hpp"
#include "ergon/flow/layer.hpp"
#include "ergon/flow/options.hpp"

namespace ergon {

/// q(x) = N(z; 0, I) |det ∇T(z)|⁻¹ at x = T(z): the standard normal pushed through a flow's layers.
/// A conditional flow is a distribution once a context is bound to it (`given`). Points of another
/// type than the parameters are converted on the way in, and log_prob's result on the way out;
/// draws have the parameters' type.
class NormalizingFlow final : public Distribution {
 public:
  /// The flow that the options describe, at its start: the layers with networks are the identity.
  /// Its parameters follow from the generator; they are leaves of `type` (float32 or float64) on
  /// the CPU that require gradients. Throws InvalidInput from options.validate(dim).
  NormalizingFlow(const NormalizingFlowOptions& options,
                  std::int64_t dim,
                  at::ScalarType type,
                  Generator generator);
  /// Layers of one's own; cannot be saved, can be exported. Its type is that of their parameters,
  /// float64 if there are none.
  explicit NormalizingFlow(std::shared_ptr<FlowLayer> layers);

  std::int64_t dim() const override;
  /// log q(x), (..., n, D) -> (..., n). Throws InvalidInput: a conditional flow without a context.
  Tensor log_prob(const Tensor& x) const override;
  /// Without a graph; push_forward of base_draws has one.
  Draws sample_with_log_prob(std::int64_t count, Generator generator) const override;
  /// x = T(z) with log q(x), differentiable in z and the parameters: (..., n, D).
  Draws push_forward(const Tensor& z) const;
  /// The forward map with the score ∇ log q(x) taken along (no graph), and log q(x) in place of the
  /// log-determinant. z: (..., n, D).
  Carried push_forward_with_score(const Tensor& z) const;
  /// `count` draws of the base distribution, (count, D), in the parameters' type and device.
  Tensor base_draws(std::int64_t count, Generator generator) const;

  /// The same flow (shared parameters) under a context: (C) for all points, or (..., n, C) with one
  /// row for each point. Throws InvalidInput: not conditional, another size.
  NormalizingFlow given(const Tensor& context) const;
  /// The bound context, expanded for points (..., n, D); undefined for a flow without one.
  Tensor context_for(const Tensor& points) const;

  const FlowLayer& layers() const { return *layers_; }
  FlowLayer& layers() { return *layers_; }
  /// nullptr for layers of one's own.
  const NormalizingFlowOptions* options() const { return options_.get(); }
  at::ScalarType type() const { return type_; }

  /// Handles of the learned tensors, with unique names.
  NamedTensors parameters() const { return layers_->parameters(); }
  /// Copies values into the parameters. Throws InvalidInput naming `context`: a name missing or
  /// foreign, another shape.
  void set_parameters(const NamedTensors& values, const std::string& context);
  /// FlowLayer::start_from_data with the bound context. y: (n, D).
  void start_from_data(const Tensor& y);

  /// NPZ of the parameters, with the options as JSON text in the member "options" (uint8). Loading
  /// restores the same bits. A bound context is left out. Throws InvalidInput naming the path:
  /// layers of one's own, cannot be written; missing, damaged, or no flow.
  void save(const std::string& path) const;
  static NormalizingFlow load(const std::string& path);

 private:
  NormalizingFlow(const NormalizingFlowOptions& options,
                  std::int64_t dim,
                  at::ScalarType type,
                  Seed seed);

  std::shared_ptr<const NormalizingFlowOptions> options_;
  std::shared_ptr<FlowLayer> layers_;
  Tensor context_;
  at::ScalarType type_;
  Seed seed_;  ///< of what is random in the layers and is no parameter
};

/// Writes a TorchScript file that Python's torch.jit.load and C++ read: `forward(x)`: log q(x), (n,
/// D) -> (n); `transform(z)`: (x, log q(x)) for draws z (n, D) of N(0, I). Any n. A bound context
/// (C) is part of it. Throws InvalidInput: cannot be written; a context with one row per point.
void export_torchscript(const NormalizingFlow& flow, const std::string& path);

}  // namespace ergon
