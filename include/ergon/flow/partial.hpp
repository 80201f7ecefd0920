#pragma once

#include <cstdint>
#include <memory>

#include "ergon/flow/layer.hpp"

namespace ergon {

/// A layer on the first coordinates; the rest stay what they are. The multi-scale split: what the
/// inner layer leaves out meets the base distribution (Dinh, Sohl-Dickstein, Bengio 2017, section
/// 3.6).
class Partial final : public FlowLayer {
 public:
  /// The inner layer moves the first inner->dim() of `dim` coordinates. Throws InvalidInput: no
  /// layer, or one of more than `dim` coordinates.
  Partial(std::unique_ptr<FlowLayer> inner, std::int64_t dim);

  std::int64_t dim() const override { return dim_; }
  std::int64_t context_dim() const override { return inner_->context_dim(); }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// Those of the inner layer.
  NamedTensors parameters() const override { return inner_->parameters(); }
  Tensor start_from_data(const Tensor& y, const Tensor& context) override;

 private:
  Tensor first(const Tensor& x) const;
  /// `moved` with the coordinates of `x` that did not move.
  Tensor join(const Tensor& moved, const Tensor& x) const;

  std::unique_ptr<FlowLayer> inner_;
  std::int64_t dim_;
};

}  // namespace ergon
