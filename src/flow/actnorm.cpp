#include "ergon/flow/actnorm.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "ergon/core/errors.hpp"
#include "images.hpp"
#include "parameters.hpp"

namespace ergon {

using internal::as_images;
using internal::as_points;
using internal::at_every_point;
using internal::require_points;

namespace {
constexpr auto kName = "an activation normalisation";
}  // namespace

ActNorm::ActNorm(std::int64_t channels, std::int64_t places)
    : channels_(channels), places_(places) {
  require(channels >= 1 && places >= 1,
          "{} needs at least one channel and one place, got {} channels of {} places", kName,
          channels, places);
  log_scale_ = internal::zero_parameter({channels});
  shift_ = internal::zero_parameter({channels});
}

Tensor ActNorm::by_channel(const Tensor& x) const { return as_images(x, channels_, places_); }

Tensor ActNorm::log_det(const Tensor& x) const {
  return at_every_point(log_scale_.sum() * places_, x);
}

Mapped ActNorm::forward(const Tensor& x, const Tensor&) const {
  require_points(kName, x, dim());
  const Tensor y = at::addcmul(shift_.unsqueeze(-1), by_channel(x), log_scale_.exp().unsqueeze(-1));
  return {as_points(y, x, dim()), log_det(x)};
}

// x = y exp(-s) - b exp(-s): one pass over the batch.
Mapped ActNorm::inverse(const Tensor& y, const Tensor&) const {
  require_points(kName, y, dim());
  const Tensor scale = (-log_scale_).exp();
  const Tensor x = at::addcmul((-shift_ * scale).unsqueeze(-1), by_channel(y), scale.unsqueeze(-1));
  return {as_points(x, y, dim()), -log_det(y)};
}

Carried ActNorm::carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const {
  Mapped mapped = forward(x, context);
  const at::NoGradGuard no_grad;
  const Tensor pulled = by_channel(force) * (-log_scale_).exp().unsqueeze(-1);
  return {mapped.points, mapped.log_det, as_points(pulled, force, dim())};
}

Carried ActNorm::carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const {
  Mapped mapped = inverse(y, context);
  const at::NoGradGuard no_grad;
  const Tensor pulled = by_channel(force) * log_scale_.exp().unsqueeze(-1);
  return {mapped.points, mapped.log_det, as_points(pulled, force, dim())};
}

NamedTensors ActNorm::parameters() const { return {{"log_scale", log_scale_}, {"shift", shift_}}; }

Tensor ActNorm::start_from_data(const Tensor& y, const Tensor& context) {
  require_points(kName, y, dim());
  const at::NoGradGuard no_grad;
  const Tensor numbers = by_channel(y).transpose(0, 1).reshape({channels_, -1}).to(at::kDouble);
  require(numbers.size(1) >= 2,
          "{} starts from at least two numbers per channel, got a batch of {}", kName,
          numbers.size(1));
  const Tensor mean = numbers.mean(1);
  const Tensor variance = numbers.var(1, /*unbiased=*/false);
  require(variance.isfinite().all().item<bool>(),
          "the batch that {} starts from holds numbers that are not finite; clean the data", kName);
  log_scale_.copy_(at::where(variance > 0, 0.5 * variance.log(), at::zeros_like(variance)));
  shift_.copy_(mean);
  return inverse(y, context).points;
}

}  // namespace ergon
