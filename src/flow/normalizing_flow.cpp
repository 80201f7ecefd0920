#include "ergon/flow/normalizing_flow.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "base_density.hpp"
#include "build_layers.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

using internal::base_log_prob;

Tensor in_type(const Tensor& points, at::ScalarType type) {
  return points.scalar_type() == type ? points : points.to(type);
}

at::ScalarType type_of(const std::shared_ptr<FlowLayer>& layers) {
  require(layers != nullptr, "a flow needs layers");
  const NamedTensors parameters = layers->parameters();
  return parameters.empty() ? at::kDouble : parameters.front().second.scalar_type();
}

Seed seed_from(Generator generator) {
  const Tensor number =
      draw::integers(1, std::numeric_limits<std::int64_t>::max(), std::move(generator));
  return Seed(static_cast<std::uint64_t>(number.item<std::int64_t>()));
}

}  // namespace

NormalizingFlow::NormalizingFlow(const NormalizingFlowOptions& options,
                                 std::int64_t dim,
                                 at::ScalarType type,
                                 Seed seed)
    : options_(std::make_shared<const NormalizingFlowOptions>(options)),
      layers_(internal::build_layers(options, dim, type, seed)),
      type_(type),
      seed_(seed) {}

NormalizingFlow::NormalizingFlow(const NormalizingFlowOptions& options,
                                 std::int64_t dim,
                                 at::ScalarType type,
                                 Generator generator)
    : NormalizingFlow(options, dim, type, seed_from(std::move(generator))) {}

NormalizingFlow::NormalizingFlow(std::shared_ptr<FlowLayer> layers)
    : layers_(std::move(layers)), type_(type_of(layers_)), seed_(0) {}

std::int64_t NormalizingFlow::dim() const { return layers_->dim(); }

Tensor NormalizingFlow::log_prob(const Tensor& x) const {
  const Tensor points = in_type(x, type_);
  const Mapped back = layers_->inverse(points, context_for(points));
  return in_type(base_log_prob(back.points) + back.log_det, x.scalar_type());
}

Draws NormalizingFlow::push_forward(const Tensor& z) const {
  const Tensor points = in_type(z, type_);
  Mapped there = layers_->forward(points, context_for(points));
  return {std::move(there.points), base_log_prob(points) - there.log_det};
}

Carried NormalizingFlow::push_forward_with_score(const Tensor& z) const {
  const Tensor points = in_type(z, type_);
  // ∇ log N(z; 0, I) = -z
  Carried there = layers_->carry_forward(points, -points.detach(), context_for(points));
  return {std::move(there.points), base_log_prob(points) - there.log_det, std::move(there.force)};
}

Draws NormalizingFlow::sample_with_log_prob(std::int64_t count, Generator generator) const {
  require(count >= 0, "the number of draws must not be negative, got {}", count);
  const at::NoGradGuard no_graph;
  return push_forward(base_draws(count, std::move(generator)));
}

Tensor NormalizingFlow::base_draws(std::int64_t count, Generator generator) const {
  const NamedTensors all = parameters();
  at::TensorOptions like = at::TensorOptions().dtype(type_);
  if (!all.empty()) like = like.device(all.front().second.device());
  return draw::normal_like(at::empty({count, dim()}, like), std::move(generator));
}

NormalizingFlow NormalizingFlow::given(const Tensor& context) const {
  const std::int64_t size = layers_->context_dim();
  require(size > 0, "this flow is not conditional: it takes no context");
  require(
      context.defined() && context.dim() >= 1 && context.size(-1) == size,
      "this flow is conditional on {} numbers; pass ({}) for all points or (n, {}) with one row "
      "for each",
      size, size, size);
  NormalizingFlow bound = *this;
  bound.context_ = in_type(context, type_).clone();  // a later change of it changes nothing here
  return bound;
}

Tensor NormalizingFlow::context_for(const Tensor& points) const {
  const std::int64_t size = layers_->context_dim();
  if (size == 0) return {};
  require(context_.defined(),
          "this flow is conditional on {} numbers: bind a context to it with given(context)", size);
  require(points.dim() >= 1, "a flow takes points (..., n, {})", dim());
  const Tensor context = context_.to(points.device());
  if (context.dim() == 1) {
    return in_type(at::zeros_like(points.detach().narrow(-1, 0, 1)), type_) + context;
  }
  const bool fits =
      context.sizes().slice(0, context.dim() - 1) == points.sizes().slice(0, points.dim() - 1);
  require(fits,
          "the bound context has rows ({}) but the points have ({}); bind one row for each point, "
          "or one for all",
          fmt::join(context.sizes().slice(0, context.dim() - 1), ", "),
          fmt::join(points.sizes().slice(0, points.dim() - 1), ", "));
  return context;
}

void NormalizingFlow::set_parameters(const NamedTensors& values, const std::string& context) {
  const NamedTensors own = parameters();
  std::set<std::string> names;
  for (const auto& [name, tensor] : own) {
    const Tensor& value = find_tensor(values, name, context);
    require(value.defined() && value.sizes() == tensor.sizes(),
            "{}: array '{}' has the shape ({}) but this flow's has ({}); it belongs to a flow with "
            "other options",
            context, name, fmt::join(value.sizes(), ", "), fmt::join(tensor.sizes(), ", "));
    names.insert(name);
  }
  for (const auto& [name, value] : values) {
    require(names.count(name) > 0,
            "{}: array '{}' is no parameter of this flow; it belongs to a flow with other options",
            context, name);
  }
  const at::NoGradGuard no_graph;
  for (const auto& [name, tensor] : own) {
    Tensor(tensor).copy_(find_tensor(values, name, context));
  }
}

void NormalizingFlow::start_from_data(const Tensor& y) {
  const Tensor points = in_type(y, type_);
  layers_->start_from_data(points, context_for(points));
}

}  // namespace ergon
