#include "ergon/flow/elementwise_affine.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <string>
#include <utility>

#include "ergon/core/errors.hpp"
#include "layer_input.hpp"
#include "log_scale.hpp"
#include "parameters.hpp"

namespace ergon {
namespace {

constexpr const char* kName = "an elementwise affine layer";

Tensor zeros_for(std::int64_t dim) {
  require(dim >= 1, "{} needs at least 1 coordinate, got {}", kName, dim);
  return internal::zero_parameter({dim});
}

std::unique_ptr<Conditioner> network_for(std::int64_t dim,
                                         std::int64_t context_dim,
                                         const NetworkOptions& network,
                                         Generator generator) {
  require(context_dim >= 1, "a context needs at least 1 number, got {}", context_dim);
  return fully_connected({context_dim, 0, 2 * dim}, network, std::move(generator));
}

}  // namespace

ElementwiseAffine::ElementwiseAffine(std::int64_t dim)
    : shift_(zeros_for(dim)), log_scale_(zeros_for(dim)) {}

ElementwiseAffine::ElementwiseAffine(std::int64_t dim,
                                     std::int64_t context_dim,
                                     const NetworkOptions& network,
                                     Generator generator)
    : shift_(zeros_for(dim)),
      log_scale_(zeros_for(dim)),
      network_(network_for(dim, context_dim, network, std::move(generator))) {}

ElementwiseAffine::Numbers ElementwiseAffine::numbers(const Tensor& points,
                                                      const Tensor& context) const {
  internal::require_layer_input(kName, points, dim(), context, context_dim());
  if (!network_) return {shift_, internal::bounded_log_scale(log_scale_)};
  const Tensor said = network_->evaluate(context, Tensor()).output;
  return {shift_ + said.narrow(-1, 0, dim()),
          internal::bounded_log_scale(log_scale_ + said.narrow(-1, dim(), dim()))};
}

Mapped ElementwiseAffine::forward(const Tensor& x, const Tensor& context) const {
  const auto [shift, log_scale] = numbers(x, context);
  return {at::addcmul(shift, x, log_scale.exp()), internal::for_every_point(log_scale.sum(-1), x)};
}

Mapped ElementwiseAffine::inverse(const Tensor& y, const Tensor& context) const {
  const auto [shift, log_scale] = numbers(y, context);
  return {(y - shift) / log_scale.exp(), internal::for_every_point(-log_scale.sum(-1), y)};
}

Carried ElementwiseAffine::carry_forward(const Tensor& x,
                                         const Tensor& force,
                                         const Tensor& context) const {
  const auto [shift, log_scale] = numbers(x, context);
  const Tensor scale = log_scale.exp();
  return {at::addcmul(shift, x, scale), internal::for_every_point(log_scale.sum(-1), x),
          force.detach() / scale.detach()};
}

Carried ElementwiseAffine::carry_inverse(const Tensor& y,
                                         const Tensor& force,
                                         const Tensor& context) const {
  const auto [shift, log_scale] = numbers(y, context);
  const Tensor scale = log_scale.exp();
  return {(y - shift) / scale, internal::for_every_point(-log_scale.sum(-1), y),
          force.detach() * scale.detach()};
}

NamedTensors ElementwiseAffine::parameters() const {
  NamedTensors all = {{"shift", shift_}, {"log_scale", log_scale_}};
  if (!network_) return all;
  for (auto& [name, tensor] : network_->parameters()) {
    all.emplace_back("network." + name, std::move(tensor));
  }
  return all;
}

Tensor ElementwiseAffine::start_from_data(const Tensor& y, const Tensor& context) {
  internal::require_layer_input(kName, y, dim(), context, context_dim());
  require(y.numel() > 0 && y.isfinite().all().item<bool>(),
          "a flow starts from data that are finite numbers, at least one point; remove rows with "
          "NaN or infinity");
  const at::NoGradGuard no_graph;
  const Tensor rows = y.reshape({-1, dim()}).to(at::kDouble);
  const Tensor mean = rows.mean(0);
  const Tensor stddev = (rows - mean).square().mean(0).sqrt();
  const Tensor log_scale = stddev.masked_fill(stddev == 0, 1.0).log();
  shift_.copy_(mean);
  log_scale_.copy_(internal::unbounded_log_scale(log_scale));
  return inverse(y, context).points;
}

}  // namespace ergon
