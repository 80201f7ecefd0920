#pragma once

#include <cstdint>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon {

/// y_i = x_{order[i]}: coordinates in another order. log|det| = 0.
class Permutation final : public FlowLayer {
 public:
  /// Throws InvalidInput unless `order` holds each of 0 … D-1 once, D >= 1.
  explicit Permutation(const std::vector<std::int64_t>& order);
  /// D-1, …, 1, 0. Throws InvalidInput: dim below 1.
  static Permutation reversal(std::int64_t dim);
  /// A random order. Throws InvalidInput: dim below 1.
  static Permutation shuffle(std::int64_t dim, Generator generator);

  std::int64_t dim() const override { return order_.size(0); }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;

 private:
  Tensor order_, inverse_order_;  ///< (D), int64
};

}  // namespace ergon
