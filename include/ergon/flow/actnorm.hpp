#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/flow/conditioner.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon {

/// y = x exp(s) + b with one s = 14 tanh(σ / 14) and one b per channel (Kingma, Dhariwal 2018,
/// "Glow: generative flow with invertible 1x1 convolutions"; the bound keeps every scale between
/// 1e-6 and 1e6). A point is (channels, places), row-major; with one place a channel is a
/// coordinate. Starts as the identity, in float64; start_from_data makes every channel of `inverse`
/// of the batch have mean 0 and variance 1, as far as the bound allows (whatever the context).
/// Under a context σ and b are sums of numbers of their own and of a network's of the context,
/// which starts at zero.
class ActNorm final : public FlowLayer {
 public:
  /// Throws InvalidInput: channels or places below 1.
  ActNorm(std::int64_t channels, std::int64_t places);
  /// Conditional on C = context_dim numbers; 0: none. Throws InvalidInput: channels or places below
  /// 1, context_dim below 0.
  ActNorm(std::int64_t channels,
          std::int64_t places,
          std::int64_t context_dim,
          const NetworkOptions& network,
          Generator generator);

  std::int64_t dim() const override { return channels_ * places_; }
  std::int64_t context_dim() const override { return network_ ? network_->input_dim() : 0; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "log_scale" (σ) and "shift", (channels), and "network." those of the network.
  NamedTensors parameters() const override;
  /// Throws InvalidInput: a batch with fewer than two numbers per channel, or not all finite. A
  /// channel that is constant keeps the scale 1.
  Tensor start_from_data(const Tensor& y, const Tensor& context) override;

 private:
  struct Numbers;
  Numbers numbers(const Tensor& points, const Tensor& context) const;
  Tensor by_channel(const Tensor& x) const;
  Tensor per_place(const Tensor& numbers) const;
  Tensor log_det(const Numbers& numbers, const Tensor& x) const;
  Mapped map_forward(const Numbers& numbers, const Tensor& x) const;
  Mapped map_inverse(const Numbers& numbers, const Tensor& y) const;

  std::int64_t channels_, places_;
  Tensor log_scale_, shift_;
  std::unique_ptr<Conditioner> network_;  // null without a context
};

}  // namespace ergon
