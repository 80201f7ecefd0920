#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/flow/conditioner.hpp"
#include "ergon/flow/layer.hpp"
#include "ergon/flow/options.hpp"

namespace ergon {

/// y = b + x exp(s), coordinate by coordinate, s = 14 tanh(σ / 14): the location and the scale of
/// the data, learned, between 1e-6 and 1e6. Starts as the identity, in float64. Under a context b
/// and σ are sums of numbers of their own and of a network's of the context, which starts at zero.
class ElementwiseAffine final : public FlowLayer {
 public:
  /// Throws InvalidInput: dim below 1.
  explicit ElementwiseAffine(std::int64_t dim);
  /// Conditional on C = context_dim numbers. Throws InvalidInput: dim or context_dim below 1.
  ElementwiseAffine(std::int64_t dim,
                    std::int64_t context_dim,
                    const NetworkOptions& network,
                    Generator generator);

  std::int64_t dim() const override { return shift_.size(0); }
  std::int64_t context_dim() const override { return network_ ? network_->input_dim() : 0; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "shift" and "log_scale" (σ), (D), and those of the network under "network.".
  NamedTensors parameters() const override;
  /// Sets location and scale so that `inverse` of the batch has mean 0 and variance 1 in every
  /// coordinate, as far as the bounds allow (whatever the context). A coordinate that is constant
  /// keeps the scale 1. Throws InvalidInput: a batch that is not finite.
  Tensor start_from_data(const Tensor& y, const Tensor& context) override;

 private:
  struct Numbers {
    Tensor shift, log_scale;  ///< (D) or (..., n, D)
  };
  Numbers numbers(const Tensor& points, const Tensor& context) const;

  Tensor shift_, log_scale_;
  std::unique_ptr<Conditioner> network_;
};

}  // namespace ergon
