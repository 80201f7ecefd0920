#include "ergon/flow/partial.hpp"

#include <ATen/ATen.h>

#include <utility>

#include "ergon/core/errors.hpp"
#include "images.hpp"

namespace ergon {

Partial::Partial(std::unique_ptr<FlowLayer> inner, std::int64_t dim)
    : inner_(std::move(inner)), dim_(dim) {
  require(inner_ != nullptr, "a partial layer needs a layer");
  require(inner_->dim() <= dim, "a layer of {} coordinates cannot be part of one of {}",
          inner_->dim(), dim);
}

Tensor Partial::first(const Tensor& x) const {
  internal::require_points("a partial layer", x, dim_);
  return x.narrow(-1, 0, inner_->dim());
}

Tensor Partial::join(const Tensor& moved, const Tensor& x) const {
  return at::cat({moved, x.narrow(-1, inner_->dim(), dim_ - inner_->dim())}, -1);
}

Mapped Partial::forward(const Tensor& x, const Tensor& context) const {
  const Mapped mapped = inner_->forward(first(x), context);
  return {join(mapped.points, x), mapped.log_det};
}

Mapped Partial::inverse(const Tensor& y, const Tensor& context) const {
  const Mapped mapped = inner_->inverse(first(y), context);
  return {join(mapped.points, y), mapped.log_det};
}

Carried Partial::carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const {
  const Carried carried = inner_->carry_forward(first(x), first(force), context);
  return {join(carried.points, x), carried.log_det, join(carried.force, force)};
}

Carried Partial::carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const {
  const Carried carried = inner_->carry_inverse(first(y), first(force), context);
  return {join(carried.points, y), carried.log_det, join(carried.force, force)};
}

Tensor Partial::start_from_data(const Tensor& y, const Tensor& context) {
  return join(inner_->start_from_data(first(y), context), y);
}

}  // namespace ergon
