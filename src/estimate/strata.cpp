#include "strata.hpp"

#include <ATen/ATen.h>

#include <tuple>

namespace ergon {

Strata strata_of(const Tensor& labels, std::int64_t draws) {
  if (!labels.defined())
    return {at::zeros({draws}, at::kLong), at::full({1}, draws, at::TensorOptions(at::kDouble))};
  const Tensor index = std::get<1>(at::_unique2(labels.detach().to(at::kCPU), /*sorted=*/true,
                                                /*return_inverse=*/true));
  return {index, at::bincount(index).to(at::kDouble)};
}

Tensor stratified_errors(const Tensor& values, const Strata& strata) {
  const Tensor sizes = strata.sizes.unsqueeze(1);
  const auto total = [&](const Tensor& columns) {
    return at::zeros({sizes.size(0), columns.size(1)}, at::kDouble)
        .index_add(0, strata.index, columns);
  };
  const Tensor centred = values - (total(values) / sizes).index_select(0, strata.index);
  const Tensor variances = total(centred.square()) / (sizes - 1);
  return (sizes * variances).sum(0).sqrt() / static_cast<double>(values.size(0));
}

}  // namespace ergon
