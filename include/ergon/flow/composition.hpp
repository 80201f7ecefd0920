#pragma once

#include <memory>
#include <vector>

#include "ergon/flow/layer.hpp"

namespace ergon {

/// T_L ∘ … ∘ T_1: the first layer of the list is next to the base distribution.
class Composition final : public FlowLayer {
 public:
  /// Throws InvalidInput: no layer, dimensions or contexts that differ.
  explicit Composition(std::vector<std::unique_ptr<FlowLayer>> layers);
  using FlowLayer::forward;
  using FlowLayer::inverse;
  std::int64_t dim() const override;
  std::int64_t context_dim() const override;
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// Names are prefixed with the layer's number: "0.", "1.", …
  NamedTensors parameters() const override;
  Tensor start_from_data(const Tensor& y, const Tensor& context) override;

 private:
  std::vector<std::unique_ptr<FlowLayer>> layers_;
};

/// T⁻¹ as a layer. Its start_from_data sets nothing, whatever T is.
class Inverse final : public FlowLayer {
 public:
  explicit Inverse(std::unique_ptr<FlowLayer> layer);
  using FlowLayer::forward;
  using FlowLayer::inverse;
  std::int64_t dim() const override { return layer_->dim(); }
  std::int64_t context_dim() const override { return layer_->context_dim(); }
  Mapped forward(const Tensor& x, const Tensor& context) const override {
    return layer_->inverse(x, context);
  }
  Mapped inverse(const Tensor& y, const Tensor& context) const override {
    return layer_->forward(y, context);
  }
  Carried carry_forward(const Tensor& x,
                        const Tensor& force,
                        const Tensor& context) const override {
    return layer_->carry_inverse(x, force, context);
  }
  Carried carry_inverse(const Tensor& y,
                        const Tensor& force,
                        const Tensor& context) const override {
    return layer_->carry_forward(y, force, context);
  }
  NamedTensors parameters() const override { return layer_->parameters(); }

 private:
  std::unique_ptr<FlowLayer> layer_;
};

}  // namespace ergon
