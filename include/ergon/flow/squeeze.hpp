#pragma once

#include <cstdint>

#include "ergon/flow/layer.hpp"

namespace ergon {

/// (channels, rows, columns) -> (4 channels, rows/2, columns/2): every 2 x 2 block becomes four
/// channels, in the order top left, top right, bottom left, bottom right (Dinh, Sohl-Dickstein,
/// Bengio 2017, section 3.6). A permutation of coordinates: log-determinant 0.
class Squeeze final : public FlowLayer {
 public:
  /// Throws InvalidInput: sizes below 1, rows or columns odd.
  Squeeze(std::int64_t channels, std::int64_t rows, std::int64_t columns);

  std::int64_t dim() const override { return channels_ * rows_ * columns_; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;

 private:
  Tensor to_depth(const Tensor& x) const;
  Tensor to_space(const Tensor& y) const;

  std::int64_t channels_, rows_, columns_;
};

}  // namespace ergon
