#include "ergon/flow/permutation.hpp"

#include <ATen/ATen.h>

#include <numeric>
#include <utility>

#include "ergon/core/errors.hpp"
#include "layer_input.hpp"
#include "log_scale.hpp"

namespace ergon {
namespace {

constexpr const char* kName = "a permutation";

Tensor checked(const std::vector<std::int64_t>& order) {
  require(!order.empty(), "a permutation needs at least 1 coordinate");
  std::vector<bool> met(order.size(), false);
  for (const std::int64_t index : order) {
    const bool fits = index >= 0 && index < static_cast<std::int64_t>(order.size());
    require(fits && !met[static_cast<std::size_t>(index)],
            "a permutation of {} coordinates holds each of 0 ... {} once, but {} is in it {}",
            order.size(), order.size() - 1, index, fits ? "twice" : "as well");
    met[static_cast<std::size_t>(index)] = true;
  }
  return at::tensor(at::ArrayRef<std::int64_t>(order), at::kLong);
}

Tensor reordered(const Tensor& points, const Tensor& order) {
  return points.index_select(-1, order.to(points.device()));
}

}  // namespace

Permutation::Permutation(const std::vector<std::int64_t>& order)
    : order_(checked(order)), inverse_order_(order_.argsort()) {}

Permutation Permutation::reversal(std::int64_t dim) {
  require(dim >= 1, "a permutation needs at least 1 coordinate, got {}", dim);
  std::vector<std::int64_t> order(static_cast<std::size_t>(dim));
  std::iota(order.rbegin(), order.rend(), 0);
  return Permutation(order);
}

Permutation Permutation::shuffle(std::int64_t dim, Generator generator) {
  require(dim >= 1, "a permutation needs at least 1 coordinate, got {}", dim);
  const Tensor order =
      at::randperm(dim, std::move(generator), at::TensorOptions().dtype(at::kLong));
  const auto* first = order.data_ptr<std::int64_t>();
  return Permutation(std::vector<std::int64_t>(first, first + dim));
}

Mapped Permutation::forward(const Tensor& x, const Tensor&) const {
  internal::require_layer_input(kName, x, dim(), Tensor(), 0);
  return {reordered(x, order_), internal::zero_for_every_point(x)};
}

Mapped Permutation::inverse(const Tensor& y, const Tensor&) const {
  internal::require_layer_input(kName, y, dim(), Tensor(), 0);
  return {reordered(y, inverse_order_), internal::zero_for_every_point(y)};
}

Carried Permutation::carry_forward(const Tensor& x,
                                   const Tensor& force,
                                   const Tensor& context) const {
  const Mapped there = forward(x, context);
  return {there.points, there.log_det, reordered(force.detach(), order_)};
}

Carried Permutation::carry_inverse(const Tensor& y,
                                   const Tensor& force,
                                   const Tensor& context) const {
  const Mapped back = inverse(y, context);
  return {back.points, back.log_det, reordered(force.detach(), inverse_order_)};
}

}  // namespace ergon
