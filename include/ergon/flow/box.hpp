#pragma once

#include <cstdint>

#include "ergon/flow/layer.hpp"

namespace ergon {

/// y = lower + (upper - lower) / (1 + exp(-x)), coordinate by coordinate: R^D onto an open box.
///
/// `forward` rounds no point to the boundary: what would be rounded there stays at the last number
/// inside. `inverse` of a point that is not inside, boundary included, is no point: log_det is
/// -infinity there, so that a density that is pushed through this layer is zero, its points are
/// zeros in the coordinates that are outside, and nothing has a gradient in those.
class Box final : public FlowLayer {
 public:
  /// Throws InvalidInput: dim below 1, ends that are not finite, upper not above lower. So do the
  /// maps, for points of a type in which no number lies between the ends, or their distance
  /// overflows.
  Box(std::int64_t dim, double lower, double upper);

  std::int64_t dim() const override { return dim_; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;

 private:
  std::int64_t dim_;
  double lower_, upper_;
};

}  // namespace ergon
