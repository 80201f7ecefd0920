#pragma once

#include <cstdint>

#include "ergon/flow/layer.hpp"

namespace ergon {

/// y = x exp(s) + b with one s and one b per channel (Kingma, Dhariwal 2018, "Glow: generative flow
/// with invertible 1x1 convolutions"). A point is (channels, places), row-major; with one place a
/// channel is a coordinate. Starts as the identity, in float64; start_from_data makes every channel
/// of `inverse` of the batch have mean 0 and variance 1.
class ActNorm final : public FlowLayer {
 public:
  /// Throws InvalidInput: channels or places below 1.
  ActNorm(std::int64_t channels, std::int64_t places);

  std::int64_t dim() const override { return channels_ * places_; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "log_scale" and "shift", (channels).
  NamedTensors parameters() const override;
  /// Throws InvalidInput: a batch with fewer than two numbers per channel, or not all finite. A
  /// channel that is constant keeps the scale 1.
  Tensor start_from_data(const Tensor& y, const Tensor& context) override;

 private:
  Tensor by_channel(const Tensor& x) const;
  Tensor log_det(const Tensor& x) const;

  std::int64_t channels_, places_;
  Tensor log_scale_, shift_;
};

}  // namespace ergon
