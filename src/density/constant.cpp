#include "ergon/density/constant.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <mutex>
#include <vector>

namespace ergon {

struct Constant::Copies {
  Tensor exact;
  std::mutex mutex;
  std::vector<Tensor> converted;  ///< one per (dtype, device) met so far
};

Constant::Constant(const Tensor& value) : copies_(std::make_shared<Copies>()) {
  const c10::InferenceMode no_inference(false);
  copies_->exact = value.detach().to(at::kCPU, at::kDouble).contiguous().clone();
}

const Tensor& Constant::exact() const { return copies_->exact; }

Tensor Constant::like(const Tensor& x) const {
  const auto fits = [&](const Tensor& t) {
    return t.scalar_type() == x.scalar_type() && t.device() == x.device();
  };
  if (fits(copies_->exact)) return copies_->exact;
  const std::lock_guard<std::mutex> lock(copies_->mutex);
  for (const Tensor& copy : copies_->converted) {
    if (fits(copy)) return copy;
  }
  const c10::InferenceMode no_inference(
      false);  // a copy made under it could not be used in a graph later
  copies_->converted.push_back(copies_->exact.to(x.device(), x.scalar_type()));
  return copies_->converted.back();
}

}  // namespace ergon
