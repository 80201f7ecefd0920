#pragma once

#include <cstdint>

#include "ergon/core/random.hpp"
#include "ergon/flow/layer.hpp"
#include "ergon/flow/permutation.hpp"

namespace ergon {

/// y = P L U x with a fixed random permutation P, a unit lower triangle L and an upper triangle U
/// of diagonal exp(d), so that log|det| = Σ d costs nothing (Kingma, Dhariwal 2018, section 3.2).
/// Starts as P, in float64.
class LinearMap final : public FlowLayer {
 public:
  /// Throws InvalidInput: dim below 1.
  LinearMap(std::int64_t dim, Generator generator);

  std::int64_t dim() const override { return log_diagonal_.size(0); }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  /// G' = P L⁻ᵀ U⁻ᵀ G: two triangular solves.
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "lower" and "upper", (D, D), of which only the strict triangles are read (L, U), and
  /// "log_diagonal" (d), (D).
  NamedTensors parameters() const override;

 private:
  Tensor lower() const;
  Tensor upper() const;

  Permutation permutation_;
  Tensor lower_, upper_, log_diagonal_;
};

}  // namespace ergon
