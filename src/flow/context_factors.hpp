#pragma once

#include <cstdint>

#include "ergon/flow/layer.hpp"

namespace ergon::internal {

/// y = L U x across the channels of every point, with one L and one U for each point: what a
/// context makes of LinearMap and InvertibleConvolution. L has a diagonal of ones, U of exp(d),
/// d = 14 tanh(δ / 14). Points are (..., n, channels · places).
class ContextFactors {
 public:
  /// Strict triangles (channels, channels) and δ (channels) that all points share.
  struct Shared {
    const Tensor& lower;
    const Tensor& upper;
    const Tensor& log_diagonal;
  };
  /// added (..., n, channels²): a matrix for each point, row-major. Its diagonal adds to δ, its
  /// strict triangles, divided by the number of channels, to those of L and U: numbers of order one
  /// keep matrices of any size well conditioned.
  ContextFactors(const Shared& shared, const Tensor& added);

  Mapped forward(const Tensor& x) const;
  Mapped inverse(const Tensor& y) const;
  /// The Jacobian is L U in every place: G' = L⁻ᵀ U⁻ᵀ G ahead, Uᵀ Lᵀ G back.
  Carried carry_forward(const Tensor& x, const Tensor& force) const;
  Carried carry_inverse(const Tensor& y, const Tensor& force) const;

 private:
  Tensor columns(const Tensor& points) const;
  Tensor log_det(const Tensor& points) const;

  std::int64_t channels_;
  Tensor lower_;         // (N, channels, channels)  L without its diagonal; N points in all
  Tensor upper_;         // (N, channels, channels)  U
  Tensor log_diagonal_;  // (..., n, channels)       d
};

}  // namespace ergon::internal
