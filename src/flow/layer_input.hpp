#pragma once

#include <cstdint>
#include <string_view>

#include "ergon/core/errors.hpp"
#include "ergon/core/tensor.hpp"

namespace ergon::internal {

/// Throws InvalidInput unless points are (..., n, D) and, where C > 0, context is (..., n, C) with
/// the same rows.
inline void require_layer_input(std::string_view name,
                                const Tensor& points,
                                std::int64_t dim,
                                const Tensor& context,
                                std::int64_t context_dim) {
  require(points.dim() >= 1 && points.size(-1) == dim,
          "{}: points have {} coordinates where the layer has {}; pass (..., n, {})", name,
          points.dim() >= 1 ? points.size(-1) : 0, dim, dim);
  if (context_dim == 0) return;
  require(context.defined(),
          "{}: it is conditional on a context of {} numbers and got none; pass (..., n, {})", name,
          context_dim, context_dim);
  require(
      context.dim() == points.dim() && context.size(-1) == context_dim &&
          context.sizes().slice(0, context.dim() - 1) == points.sizes().slice(0, points.dim() - 1),
      "{}: a context needs {} numbers for every point; pass (..., n, {}) with the points' rows",
      name, context_dim, context_dim);
}

}  // namespace ergon::internal
