#include "ergon/flow/coupling.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "ergon/core/errors.hpp"
#include "layer_input.hpp"
#include "partition.hpp"

namespace ergon {
namespace {

constexpr const char* kName = "a coupling layer";
using Direction = Transformer::Direction;

/// Sum over the last dimension.
Tensor summed(const Tensor& log_derivative) {
  return log_derivative.size(-1) == 1 ? log_derivative.squeeze(-1) : log_derivative.sum(-1);
}

}  // namespace

struct Coupling::Implementation {
  internal::Partition partition;
  std::unique_ptr<Transformer> transformer;
  std::unique_ptr<Conditioner> conditioner;

  /// (..., m K) as (..., m, K). -1 for the first dimension, so that a trace holds for any size.
  Tensor per_coordinate(const Tensor& output) const {
    auto sizes = output.sizes().vec();
    sizes.back() = partition.moving();
    sizes.push_back(transformer->parameters_per_coordinate());
    if (output.dim() > 1) sizes.front() = -1;
    return output.view(sizes);
  }

  Transformed transform(const Tensor& x, const Tensor& theta, Direction direction) const {
    return direction == Direction::kForward ? transformer->forward(x, theta)
                                            : transformer->inverse(x, theta);
  }

  internal::Parts split(const Tensor& x, const Tensor& context) const {
    internal::require_layer_input(kName, x, partition.dim(), context, conditioner->context_dim());
    return partition.split(x);
  }

  Mapped map(const Tensor& x, const Tensor& context, Direction direction) const {
    const internal::Parts parts = split(x, context);
    const Conditioned at = conditioner->evaluate(parts.fixed, context);
    const Transformed moved = transform(parts.moving, per_coordinate(at.output), direction);
    return {partition.merge(moved.points, parts.fixed), summed(moved.log_derivative)};
  }

  /// J = (D, B; 0, 1) in the order (moving, fixed), D diagonal, B = ∂y_m/∂x_c. From
  /// G' = J⁻ᵀ (G - ∇ Σ log D):
  ///   G'_m = (G_m - ∂ log D/∂x_m) / D,
  ///   G'_c = G_c - ∂/∂x_c [G'_mᵀ y_m + Σ log D],
  /// the last a vector-Jacobian product with transformer and conditioner.
  Carried carry(const Tensor& x,
                const Tensor& force,
                const Tensor& context,
                Direction direction) const {
    const internal::Parts parts = split(x, context);
    const Conditioned at = conditioner->evaluate(parts.fixed, context);
    const Tensor theta = per_coordinate(at.output);
    const internal::Parts before = partition.split(force);
    const CarriedCoordinates moved =
        transformer->carry(parts.moving, theta, before.moving, direction);
    const Tensor points = partition.merge(moved.mapped.points, parts.fixed);

    const at::NoGradGuard no_grad;
    const Tensor g_c = before.fixed - conditioner->pull_back(at, moved.theta.flatten(-2));
    return {points, summed(moved.mapped.log_derivative.detach()),
            partition.merge(moved.force, g_c)};
  }
};

Coupling::Coupling(std::vector<bool> mask,
                   std::unique_ptr<Transformer> transformer,
                   std::unique_ptr<Conditioner> conditioner) {
  require(transformer != nullptr && conditioner != nullptr,
          "a coupling layer needs a transformer and a conditioner");
  internal::Partition partition(std::move(mask));
  const std::int64_t moving = partition.moving(), fixed = partition.dim() - moving;
  const std::int64_t numbers = moving * transformer->parameters_per_coordinate();
  require(conditioner->input_dim() == fixed && conditioner->output_dim() == numbers,
          "a coupling layer of this mask and transformer needs a conditioner from {} inputs to {} "
          "outputs, got one from {} to {}",
          fixed, numbers, conditioner->input_dim(), conditioner->output_dim());
  implementation_ = std::make_shared<const Implementation>(
      Implementation{std::move(partition), std::move(transformer), std::move(conditioner)});
}

std::int64_t Coupling::dim() const { return implementation_->partition.dim(); }

std::int64_t Coupling::context_dim() const { return implementation_->conditioner->context_dim(); }

Mapped Coupling::forward(const Tensor& x, const Tensor& context) const {
  return implementation_->map(x, context, Direction::kForward);
}

Mapped Coupling::inverse(const Tensor& y, const Tensor& context) const {
  return implementation_->map(y, context, Direction::kInverse);
}

Carried Coupling::carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const {
  return implementation_->carry(x, force, context, Direction::kForward);
}

Carried Coupling::carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const {
  return implementation_->carry(y, force, context, Direction::kInverse);
}

NamedTensors Coupling::parameters() const { return implementation_->conditioner->parameters(); }

}  // namespace ergon
