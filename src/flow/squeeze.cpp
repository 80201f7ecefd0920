#include "ergon/flow/squeeze.hpp"

#include <ATen/ATen.h>

#include "ergon/core/errors.hpp"
#include "images.hpp"
#include "log_scale.hpp"

namespace ergon {

using internal::as_images;
using internal::as_points;
using internal::require_points;
using internal::zero_for_every_point;

namespace {
constexpr auto kName = "a squeeze";
}  // namespace

Squeeze::Squeeze(std::int64_t channels, std::int64_t rows, std::int64_t columns)
    : channels_(channels), rows_(rows), columns_(columns) {
  require(channels >= 1 && rows >= 2 && columns >= 2 && rows % 2 == 0 && columns % 2 == 0,
          "a squeeze needs an even number of rows and of columns, got {} x {} in {} channels", rows,
          columns, channels);
}

Tensor Squeeze::to_depth(const Tensor& x) const {
  require_points(kName, x, dim());
  return as_points(at::pixel_unshuffle(as_images(x, channels_, rows_, columns_), 2), x, dim());
}

Tensor Squeeze::to_space(const Tensor& y) const {
  require_points(kName, y, dim());
  const Tensor images = as_images(y, 4 * channels_, rows_ / 2, columns_ / 2);
  return as_points(at::pixel_shuffle(images, 2), y, dim());
}

Mapped Squeeze::forward(const Tensor& x, const Tensor&) const {
  return {to_depth(x), zero_for_every_point(x)};
}

Mapped Squeeze::inverse(const Tensor& y, const Tensor&) const {
  return {to_space(y), zero_for_every_point(y)};
}

Carried Squeeze::carry_forward(const Tensor& x, const Tensor& force, const Tensor&) const {
  return {to_depth(x), zero_for_every_point(x), to_depth(force)};
}

Carried Squeeze::carry_inverse(const Tensor& y, const Tensor& force, const Tensor&) const {
  return {to_space(y), zero_for_every_point(y), to_space(force)};
}

}  // namespace ergon
