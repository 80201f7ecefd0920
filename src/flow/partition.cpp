#include "partition.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon::internal {
namespace {

/// (..., D) as (..., D/2, 2). -1 for the first dimension, so that a trace holds for any size.
Tensor in_pairs(const Tensor& x) {
  auto sizes = x.sizes().vec();
  sizes.back() /= 2;
  sizes.push_back(2);
  if (x.dim() > 1) sizes.front() = -1;
  return x.view(sizes);
}

/// A stack over the last dimension goes element by element: over the first, and a strided copy, it
/// takes a quarter of the time.
Tensor from_pairs(const Tensor& first, const Tensor& second) {
  return at::stack({first, second}, 0).movedim(0, -1).flatten(-2);
}

Tensor first_of_pairs(const std::vector<bool>& mask) {
  const auto pairs = static_cast<std::int64_t>(mask.size() / 2);
  Tensor first = at::empty({pairs}, at::TensorOptions().dtype(at::kBool));
  for (std::int64_t j = 0; j < pairs; ++j) {
    first.data_ptr<bool>()[j] = mask[static_cast<std::size_t>(2 * j)];
  }
  return first;
}

Tensor moving_first(const std::vector<bool>& mask) {
  const auto dim = static_cast<std::int64_t>(mask.size());
  Tensor order = at::empty({dim}, at::TensorOptions().dtype(at::kLong));
  auto* next = order.data_ptr<std::int64_t>();
  for (const bool moves : {true, false}) {
    for (std::int64_t i = 0; i < dim; ++i) {
      if (mask[static_cast<std::size_t>(i)] == moves) *next++ = i;
    }
  }
  return order;
}

}  // namespace

Partition::Partition(std::vector<bool> mask)
    : mask_(std::move(mask)),
      pattern_(pattern_of(mask_)),
      moving_(std::count(mask_.begin(), mask_.end(), true)) {
  require(moving_ > 0 && moving_ < dim(),
          "a coupling's mask moves {} of {} coordinates; it must move some and leave some", moving_,
          dim());
  if (pattern_ == Pattern::kMixedPairs) first_moves_ = first_of_pairs(mask_);
  if (pattern_ == Pattern::kAny) {
    order_ = moving_first(mask_);
    place_ = order_.argsort();
  }
}

Partition::Pattern Partition::pattern_of(const std::vector<bool>& mask) {
  std::size_t changes = 0;
  for (std::size_t i = 1; i < mask.size(); ++i) changes += mask[i] != mask[i - 1] ? 1U : 0U;
  if (changes <= 1) return Pattern::kRuns;
  if (mask.size() % 2 != 0) return Pattern::kAny;
  bool same = true;
  for (std::size_t i = 0; i < mask.size(); i += 2) {
    if (mask[i] == mask[i + 1]) return Pattern::kAny;
    same = same && mask[i] == mask[0];
  }
  return same ? Pattern::kPairs : Pattern::kMixedPairs;
}

Parts Partition::split(const Tensor& x) const {
  if (pattern_ == Pattern::kPairs || pattern_ == Pattern::kMixedPairs) {
    const auto pair = in_pairs(x).movedim(-1, 0).unbind(0);  // backwards: see from_pairs
    if (pattern_ == Pattern::kPairs)
      return mask_[0] ? Parts{pair[0], pair[1]} : Parts{pair[1], pair[0]};
    const Tensor first = first_moves_.to(x.device());
    return {at::where(first, pair[0], pair[1]), at::where(first, pair[1], pair[0])};
  }
  const bool any = pattern_ == Pattern::kAny;
  const bool moving_in_front = any || mask_[0];
  const std::int64_t front = moving_in_front ? moving_ : dim() - moving_;
  const Tensor ordered = any ? x.index_select(-1, order_.to(x.device())) : x;
  const auto run = ordered.split_with_sizes({front, dim() - front}, -1);
  return moving_in_front ? Parts{run[0], run[1]} : Parts{run[1], run[0]};
}

Tensor Partition::merge(const Tensor& moving, const Tensor& fixed) const {
  switch (pattern_) {
    case Pattern::kRuns:
      return mask_[0] ? at::cat({moving, fixed}, -1) : at::cat({fixed, moving}, -1);
    case Pattern::kPairs:
      return mask_[0] ? from_pairs(moving, fixed) : from_pairs(fixed, moving);
    case Pattern::kMixedPairs: {
      const Tensor first = first_moves_.to(moving.device());
      return from_pairs(at::where(first, moving, fixed), at::where(first, fixed, moving));
    }
    case Pattern::kAny:
      break;
  }
  return at::cat({moving, fixed}, -1).index_select(-1, place_.to(moving.device()));
}

}  // namespace ergon::internal
