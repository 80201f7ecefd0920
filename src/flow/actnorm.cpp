#include "ergon/flow/actnorm.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "context_network.hpp"
#include "ergon/core/errors.hpp"
#include "images.hpp"
#include "layer_input.hpp"
#include "log_scale.hpp"
#include "parameters.hpp"

namespace ergon {

using internal::as_images;
using internal::as_points;
using internal::for_every_point;

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

ActNorm::ActNorm(std::int64_t channels,
                 std::int64_t places,
                 std::int64_t context_dim,
                 const NetworkOptions& network,
                 Generator generator)
    : ActNorm(channels, places) {
  network_ =
      internal::context_network(kName, context_dim, 2 * channels, network, std::move(generator));
}

/// b and σ, (channels) or (..., n, channels).
struct ActNorm::Numbers {
  Tensor shift, sigma;
  Tensor log_scale() const { return internal::bounded_log_scale(sigma); }
};

ActNorm::Numbers ActNorm::numbers(const Tensor& points, const Tensor& context) const {
  internal::require_layer_input(kName, points, dim(), context, context_dim());
  if (!network_) return {shift_, log_scale_};
  const Tensor added = network_->evaluate(context, {}).output;
  return {shift_ + added.narrow(-1, 0, channels_),
          log_scale_ + added.narrow(-1, channels_, channels_)};
}

Tensor ActNorm::by_channel(const Tensor& x) const { return as_images(x, channels_, places_); }

/// Numbers of the channels as factors of by_channel: (channels, 1) or (N, channels, 1).
Tensor ActNorm::per_place(const Tensor& numbers) const {
  return network_ ? as_images(numbers, channels_, 1) : numbers.unsqueeze(-1);
}

Tensor ActNorm::log_det(const Numbers& numbers, const Tensor& x) const {
  return for_every_point(numbers.log_scale().sum(-1) * places_, x);
}

Mapped ActNorm::map_forward(const Numbers& numbers, const Tensor& x) const {
  const Tensor scale = numbers.log_scale().exp();
  const Tensor y = at::addcmul(per_place(numbers.shift), by_channel(x), per_place(scale));
  return {as_points(y, x, dim()), log_det(numbers, x)};
}

// x = y exp(-s) - b exp(-s): one pass over the batch.
Mapped ActNorm::map_inverse(const Numbers& numbers, const Tensor& y) const {
  const Tensor scale = (-numbers.log_scale()).exp();
  const Tensor x = at::addcmul(per_place(-numbers.shift * scale), by_channel(y), per_place(scale));
  return {as_points(x, y, dim()), -log_det(numbers, y)};
}

Mapped ActNorm::forward(const Tensor& x, const Tensor& context) const {
  return map_forward(numbers(x, context), x);
}

Mapped ActNorm::inverse(const Tensor& y, const Tensor& context) const {
  return map_inverse(numbers(y, context), y);
}

Carried ActNorm::carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const {
  const Numbers at_context = numbers(x, context);
  Mapped mapped = map_forward(at_context, x);
  const at::NoGradGuard no_grad;
  const Tensor pulled = by_channel(force) * per_place((-at_context.log_scale()).exp());
  return {mapped.points, mapped.log_det, as_points(pulled, force, dim())};
}

Carried ActNorm::carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const {
  const Numbers at_context = numbers(y, context);
  Mapped mapped = map_inverse(at_context, y);
  const at::NoGradGuard no_grad;
  const Tensor pulled = by_channel(force) * per_place(at_context.log_scale().exp());
  return {mapped.points, mapped.log_det, as_points(pulled, force, dim())};
}

NamedTensors ActNorm::parameters() const {
  return internal::with_network({{"log_scale", log_scale_}, {"shift", shift_}}, network_.get());
}

Tensor ActNorm::start_from_data(const Tensor& y, const Tensor& context) {
  internal::require_layer_input(kName, y, dim(), context, context_dim());
  const at::NoGradGuard no_grad;
  const Tensor numbers = by_channel(y).transpose(0, 1).reshape({channels_, -1}).to(at::kDouble);
  require(numbers.size(1) >= 2,
          "{} starts from at least two numbers per channel, got a batch of {}", kName,
          numbers.size(1));
  const Tensor mean = numbers.mean(1);
  const Tensor variance = numbers.var(1, /*unbiased=*/false);
  require(variance.isfinite().all().item<bool>(),
          "the batch that {} starts from holds numbers that are not finite; clean the data", kName);
  const Tensor wanted = 0.5 * variance.masked_fill(variance == 0, 1.0).log();
  log_scale_.copy_(internal::unbounded_log_scale(wanted));
  shift_.copy_(mean);
  return inverse(y, context).points;
}

}  // namespace ergon
