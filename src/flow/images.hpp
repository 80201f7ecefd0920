#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>

#include "ergon/core/tensor.hpp"
#include "layer_input.hpp"

/// Points (..., D) as images and back. Points (n, D) are reshaped without naming n, so that a
/// TorchScript trace holds for any n.
namespace ergon::internal {

/// Throws InvalidInput unless points are (..., D).
inline void require_points(std::string_view layer, const Tensor& points, std::int64_t dim) {
  require_layer_input(layer, points, dim, Tensor(), /*context_dim=*/0);
}

/// (..., D) -> (N, sizes), N = all leading dimensions as one.
inline Tensor as_images(const Tensor& points, std::int64_t channels, std::int64_t places) {
  return points.reshape({-1, channels, places});
}
inline Tensor as_images(const Tensor& points,
                        std::int64_t channels,
                        std::int64_t rows,
                        std::int64_t columns) {
  return points.reshape({-1, channels, rows, columns});
}

/// Images as points with the leading dimensions of `like`.
inline Tensor as_points(const Tensor& images, const Tensor& like, std::int64_t dim) {
  if (like.dim() == 2) return images.reshape({-1, dim});
  auto shape = like.sizes().vec();
  shape.back() = dim;
  return images.reshape(shape);
}

}  // namespace ergon::internal
