#include "ergon/flow/composition.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <utility>

#include "ergon/core/errors.hpp"
#include "layer_input.hpp"

namespace ergon {
namespace {

constexpr const char* kName = "a composition of layers";

/// C of the layers that take a context; 0 when none does.
std::int64_t context_dim_of(const std::vector<std::unique_ptr<FlowLayer>>& layers) {
  for (const auto& layer : layers) {
    if (layer->context_dim() > 0) return layer->context_dim();
  }
  return 0;
}

}  // namespace

Composition::Composition(std::vector<std::unique_ptr<FlowLayer>> layers)
    : layers_(std::move(layers)) {
  require(!layers_.empty(), "a composition needs at least one layer");
  for (const auto& layer : layers_) {
    require(layer != nullptr, "a composition needs layers, and one of them is missing");
  }
  const std::int64_t context = context_dim_of(layers_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    require(layers_[i]->dim() == layers_[0]->dim(),
            "layer {} of a composition has dimension {} where layer 0 has {}; make them equal", i,
            layers_[i]->dim(), layers_[0]->dim());
    require(layers_[i]->context_dim() == 0 || layers_[i]->context_dim() == context,
            "layer {} of a composition takes a context of {} numbers where another takes {}; make "
            "them equal",
            i, layers_[i]->context_dim(), context);
  }
}

std::int64_t Composition::dim() const { return layers_.front()->dim(); }

std::int64_t Composition::context_dim() const { return context_dim_of(layers_); }

Mapped Composition::forward(const Tensor& x, const Tensor& context) const {
  internal::require_layer_input(kName, x, dim(), context, context_dim());
  Mapped at = layers_.front()->forward(x, context);
  for (std::size_t i = 1; i < layers_.size(); ++i) {
    Mapped next = layers_[i]->forward(at.points, context);
    at = {std::move(next.points), at.log_det + next.log_det};
  }
  return at;
}

Mapped Composition::inverse(const Tensor& y, const Tensor& context) const {
  internal::require_layer_input(kName, y, dim(), context, context_dim());
  Mapped at = layers_.back()->inverse(y, context);
  for (std::size_t i = layers_.size() - 1; i-- > 0;) {
    Mapped next = layers_[i]->inverse(at.points, context);
    at = {std::move(next.points), at.log_det + next.log_det};
  }
  return at;
}

Carried Composition::carry_forward(const Tensor& x,
                                   const Tensor& force,
                                   const Tensor& context) const {
  internal::require_layer_input(kName, x, dim(), context, context_dim());
  Carried at = layers_.front()->carry_forward(x, force, context);
  for (std::size_t i = 1; i < layers_.size(); ++i) {
    Carried next = layers_[i]->carry_forward(at.points, at.force, context);
    next.log_det = at.log_det + next.log_det;
    at = std::move(next);
  }
  return at;
}

Carried Composition::carry_inverse(const Tensor& y,
                                   const Tensor& force,
                                   const Tensor& context) const {
  internal::require_layer_input(kName, y, dim(), context, context_dim());
  Carried at = layers_.back()->carry_inverse(y, force, context);
  for (std::size_t i = layers_.size() - 1; i-- > 0;) {
    Carried next = layers_[i]->carry_inverse(at.points, at.force, context);
    next.log_det = at.log_det + next.log_det;
    at = std::move(next);
  }
  return at;
}

NamedTensors Composition::parameters() const {
  NamedTensors all;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    for (auto& [name, tensor] : layers_[i]->parameters()) {
      all.emplace_back(fmt::format("{}.{}", i, name), std::move(tensor));
    }
  }
  return all;
}

Tensor Composition::start_from_data(const Tensor& y, const Tensor& context) {
  internal::require_layer_input(kName, y, dim(), context, context_dim());
  Tensor at = y;
  for (std::size_t i = layers_.size(); i-- > 0;) at = layers_[i]->start_from_data(at, context);
  return at;
}

Inverse::Inverse(std::unique_ptr<FlowLayer> layer) : layer_(std::move(layer)) {
  require(layer_ != nullptr, "the inverse of a layer needs a layer");
}

}  // namespace ergon
