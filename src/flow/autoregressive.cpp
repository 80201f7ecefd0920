#include "ergon/flow/autoregressive.hpp"

#include <ATen/ATen.h>
#include <ATen/TracerMode.h>
#include <ATen/core/grad_mode.h>

#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "layer_input.hpp"
#include "triangular_solve.hpp"

namespace ergon {
namespace {

using Direction = Transformer::Direction;

constexpr const char* kName = "an autoregressive layer";

/// What the layer does at points x, with what its derivatives are made of.
struct Evaluated {
  Conditioned network;
  Tensor theta;       // (..., n, D, K)
  Transformed moved;  // f(x; θ(x))
};

Tensor summed(const Tensor& log_derivative) { return log_derivative.sum(-1); }

Tensor per_coordinate(const Tensor& output, std::int64_t numbers) {
  auto sizes = output.sizes().vec();
  sizes.back() /= numbers;
  sizes.push_back(numbers);
  if (output.dim() == 2) sizes[0] = -1;  // so that a trace holds for any number of points
  return output.view(sizes);
}

Evaluated evaluated(const Transformer& transformer,
                    const MaskedNetwork& network,
                    const Tensor& x,
                    const Tensor& context) {
  Evaluated at;
  at.network = network.evaluate(x, context);
  at.theta = per_coordinate(at.network.output, transformer.parameters_per_coordinate());
  at.moved = transformer.forward(x, at.theta);
  return at;
}

/// y = f(x) to first order at an evaluation. Without a graph.
internal::TriangularJacobian jacobian(const Transformer& transformer,
                                      const MaskedNetwork& network,
                                      const Tensor& x,
                                      const Evaluated& at) {
  const at::NoGradGuard no_grad;
  const Tensor by_theta = transformer.pull_back(x.detach(), at.theta.detach(), at::ones_like(x), 0,
                                                Direction::kForward);
  return {network.linearised(at.network), at::exp(at.moved.log_derivative.detach()), by_theta};
}

/// T⁻¹ coordinate by coordinate, without a graph.
Transformed swept_inverse(const Transformer& transformer,
                          const MaskedNetwork& network,
                          const Tensor& y,
                          const Tensor& context) {
  const at::NoGradGuard no_grad;
  const auto forwards = network.forwards(y, context);
  const auto columns = y.detach().split(1, -1);
  std::vector<Tensor> points, log_derivatives;
  for (std::int64_t i = 0; i < y.size(-1); ++i) {
    const Tensor theta = forwards->outputs(i).unsqueeze(-2);
    Transformed back = transformer.inverse(columns[static_cast<std::size_t>(i)], theta);
    forwards->set(i, back.points.squeeze(-1));
    points.push_back(std::move(back.points));
    log_derivatives.push_back(std::move(back.log_derivative));
  }
  return {at::cat(points, -1), at::cat(log_derivatives, -1)};
}

/// T⁻¹ in D passes through the network, of which a trace can be made.
Mapped passed_inverse(const Transformer& transformer,
                      const MaskedNetwork& network,
                      const Tensor& y,
                      const Tensor& context) {
  const std::int64_t numbers = transformer.parameters_per_coordinate();
  const auto columns = y.split(1, -1);
  std::vector<Tensor> points, log_derivatives;
  for (const Tensor& column : columns) points.push_back(at::zeros_like(column));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Conditioned at = network.evaluate(at::cat(points, -1), context);
    const Tensor theta = per_coordinate(at.output, numbers);
    const Transformed back =
        transformer.inverse(columns[i], theta.narrow(-2, static_cast<std::int64_t>(i), 1));
    points[i] = back.points;
    log_derivatives.push_back(back.log_derivative);
  }
  return {at::cat(points, -1), summed(at::cat(log_derivatives, -1))};
}

bool records_graph(const MaskedNetwork& network, const Tensor& points, const Tensor& context) {
  if (!at::GradMode::is_enabled()) return false;
  if (points.requires_grad() || (context.defined() && context.requires_grad())) return true;
  for (const auto& [name, parameter] : network.parameters()) {
    if (parameter.requires_grad()) return true;
  }
  return false;
}

}  // namespace

Autoregressive::Autoregressive(std::unique_ptr<Transformer> transformer,
                               std::unique_ptr<MaskedNetwork> network)
    : transformer_(std::move(transformer)), network_(std::move(network)) {
  require(transformer_ != nullptr && network_ != nullptr,
          "an autoregressive layer needs a transformer and a masked network");
  const std::int64_t numbers = transformer_->parameters_per_coordinate();
  require(network_->output_dim() == network_->input_dim() * numbers,
          "an autoregressive layer of this transformer needs a masked network with {} numbers for "
          "each of {} coordinates, got one with {} outputs",
          numbers, network_->input_dim(), network_->output_dim());
}

Autoregressive::~Autoregressive() = default;

std::int64_t Autoregressive::dim() const { return network_->input_dim(); }

std::int64_t Autoregressive::context_dim() const { return network_->context_dim(); }

NamedTensors Autoregressive::parameters() const { return network_->parameters(); }

Mapped Autoregressive::forward(const Tensor& x, const Tensor& context) const {
  internal::require_layer_input(kName, x, dim(), context, context_dim());
  const Evaluated at = evaluated(*transformer_, *network_, x, context);
  return {at.moved.points, summed(at.moved.log_derivative)};
}

// The points without a graph, x*, solve T(x*) = y. Chord steps x ← x - J⁻¹ (T(x) - y) with the
// constant J = ∇T(x*) leave their value alone and attach derivatives: the error of every step is
// (I - J⁻¹ ∇T) = O(δ) times that of the one before, for a change δ of y or the parameters, so k
// steps give k derivatives exactly.
Mapped Autoregressive::inverse(const Tensor& y, const Tensor& context) const {
  internal::require_layer_input(kName, y, dim(), context, context_dim());
  if (at::tracer::impl::is_dispatch_enabled()) {
    return passed_inverse(*transformer_, *network_, y, context);
  }
  const Transformed found = swept_inverse(*transformer_, *network_, y, context);
  if (!records_graph(*network_, y, context)) return {found.points, summed(found.log_derivative)};

  const Evaluated first = evaluated(*transformer_, *network_, found.points, context);
  const internal::ChordStep step(jacobian(*transformer_, *network_, found.points, first), 2);
  Tensor x = found.points - step(first.moved.points - y);
  const Evaluated second = evaluated(*transformer_, *network_, x, context);
  x = x - step(second.moved.points - y);
  const Evaluated last = evaluated(*transformer_, *network_, x, context);
  return {x, -summed(last.moved.log_derivative)};
}

// Jᵀ G' = G - ∇log|det J|, J = ∇T(x): the right side's last term is the slope of f and the
// pull-back of ∂log f'/∂θ.
Carried Autoregressive::carry_forward(const Tensor& x,
                                      const Tensor& force,
                                      const Tensor& context) const {
  internal::require_layer_input(kName, x, dim(), context, context_dim());
  const Evaluated at = evaluated(*transformer_, *network_, x, context);

  const at::NoGradGuard no_grad;
  const Tensor slope = transformer_->slope(x, at.theta, Direction::kForward);
  const Tensor log_derivative_by_theta =
      transformer_->pull_back(x, at.theta, at::zeros_like(x), -1, Direction::kForward);
  const Tensor carried = jacobian(*transformer_, *network_, x, at)
                             .solve_transposed(slope.defined() ? force - slope : force.detach(),
                                               log_derivative_by_theta);
  return {at.moved.points, summed(at.moved.log_derivative.detach()), carried};
}

// G' = ∇_x [log q(T(x)) + log|det J|] = Jᵀ G + ∇log|det J|, J = ∇T(x).
Carried Autoregressive::carry_inverse(const Tensor& y,
                                      const Tensor& force,
                                      const Tensor& context) const {
  internal::require_layer_input(kName, y, dim(), context, context_dim());
  const Transformed found = swept_inverse(*transformer_, *network_, y, context);
  const Evaluated at = evaluated(*transformer_, *network_, found.points, context);
  Tensor x = found.points;
  if (records_graph(*network_, y, context)) {
    const internal::ChordStep step(jacobian(*transformer_, *network_, x, at), 1);
    x = x - step(at.moved.points - y);
  }

  const at::NoGradGuard no_grad;
  const Tensor slope = transformer_->slope(found.points, at.theta, Direction::kForward);
  const Tensor on_theta =
      transformer_->pull_back(found.points, at.theta, force, 1, Direction::kForward);
  Tensor carried = at::exp(at.moved.log_derivative).mul_(force);
  if (slope.defined()) carried.add_(slope);
  carried.add_(network_->pull_back(at.network, on_theta.flatten(-2)));
  return {x, summed(found.log_derivative), carried.detach()};
}

}  // namespace ergon
