#pragma once

#include <memory>
#include <string>

#include "ergon/density/target.hpp"

namespace ergon {

/// A density written in Python and saved with `torch.jit.save`: a module with a method
/// `log_prob(x)`, or else `forward(x)`, that maps (n, D) to (n) by differentiable operations.
/// Leading dimensions are flattened before the call. Derivatives by autograd. The module's
/// parameters and buffers follow the dtype and the device of the points (one converted copy each is
/// kept); tensors that it holds as plain attributes do not, so register them as buffers. Nothing is
/// known about it.
class TorchScriptDensity : public Target {
 public:
  /// Loads the file and evaluates it at three zeros. `dim` may be left out if the module has an
  /// integer attribute `dim`. Throws InvalidInput: no such file, not a TorchScript file, no
  /// log_prob or forward, no or contradicting dimension, an evaluation that fails, a result of
  /// another shape or of integers, or NaN.
  explicit TorchScriptDensity(const std::string& path,
                              std::optional<std::int64_t> dim = std::nullopt);
  ~TorchScriptDensity() override;

  std::string name() const override { return "torchscript"; }
  std::int64_t dim() const override { return dim_; }
  Tensor log_density(const Tensor& x) const override;

 private:
  class Model;  // keeps TorchScript's headers out of this one
  std::unique_ptr<Model> model_;
  std::int64_t dim_;
};

}  // namespace ergon
