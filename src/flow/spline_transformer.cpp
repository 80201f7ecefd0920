#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include <cmath>
#include <memory>

#include "ergon/core/errors.hpp"
#include "ergon/flow/transformer.hpp"
#include "spline_composed.hpp"
#include "spline_fused.hpp"

namespace ergon {
namespace {

using spline::Direction;
using spline::Shape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Gradients of the composed chain in x and θ (undefined where it has none) for cotangents of
/// points and log-derivatives, either of which may be undefined.
variable_list composed_gradients(const Shape& shape,
                                 const spline::Place& at,
                                 const variable_list& cotangents,
                                 bool create_graph) {
  // Views: θ may itself depend on x, and the gradient in x must not run through it.
  const Tensor x = at.points.view_as(at.points), theta = at.theta.view_as(at.theta);
  const auto out = spline::composed_map(shape, x, theta, at.direction);
  variable_list outputs, up, inputs;
  const Tensor both[] = {out.points, out.log_derivative};
  for (std::size_t k = 0; k < 2; ++k) {
    if (!cotangents[k].defined() || !both[k].requires_grad()) continue;
    outputs.push_back(both[k]);
    up.push_back(cotangents[k]);
  }
  for (const Tensor& tensor : {x, theta}) {
    if (tensor.requires_grad()) inputs.push_back(tensor);
  }
  variable_list found(2);
  if (outputs.empty() || inputs.empty()) return found;
  variable_list gradients = torch::autograd::grad(outputs, inputs, up, create_graph, create_graph,
                                                  /*allow_unused=*/true);
  if (theta.requires_grad()) found[1] = gradients.back();
  if (x.requires_grad()) found[0] = gradients.front();
  return found;
}

void save_place(AutogradContext* context, const Shape& shape, const spline::Place& at) {
  context->save_for_backward({at.points, at.theta});
  context->saved_data["bins"] = shape.bins;
  context->saved_data["tail"] = shape.tail;
  context->saved_data["inverse"] = at.direction == Direction::kInverse;
  context->set_materialize_grads(false);
}

/// Gradients of a saved place in x and θ. The first derivative is fused, too; a derivative of the
/// derivative goes through the composed chain.
variable_list saved_gradients(AutogradContext* context, const variable_list& gradients) {
  const auto saved = context->get_saved_variables();
  const Shape shape{context->saved_data["bins"].toInt(), context->saved_data["tail"].toDouble()};
  const bool inverse = context->saved_data["inverse"].toBool();
  const spline::Place at{saved[0], saved[1], inverse ? Direction::kInverse : Direction::kForward};
  if (at::GradMode::is_enabled()) return composed_gradients(shape, at, gradients, true);
  const auto wanted =
      saved[1].requires_grad() ? spline::Wanted::kPointsAndTheta : spline::Wanted::kPoints;
  const auto fused = spline::fused_pull_back(shape, at, {gradients[0], gradients[1], 0}, wanted);
  return {fused.points, fused.theta};
}

class MapFunction : public torch::autograd::Function<MapFunction> {
 public:
  static variable_list forward(AutogradContext* context,
                               const Tensor& x,
                               const Tensor& theta,
                               const Shape& shape,
                               Direction direction) {
    const at::NoGradGuard no_grad;
    save_place(context, shape, {x, theta, direction});
    const Transformed out = spline::fused_map(shape, {x, theta, direction});
    return {out.points, out.log_derivative};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    variable_list found = saved_gradients(context, gradients);
    found.resize(4);  // shape and direction have none
    return found;
  }
};

/// The map with a force carried along, which has no derivatives.
class CarryFunction : public torch::autograd::Function<CarryFunction> {
 public:
  static variable_list forward(AutogradContext* context,
                               const Tensor& x,
                               const Tensor& theta,
                               const Tensor& force,
                               const Shape& shape,
                               Direction direction) {
    const at::NoGradGuard no_grad;
    save_place(context, shape, {x, theta, direction});
    const auto out = spline::fused_carry(shape, {x, theta, direction}, force);
    context->mark_non_differentiable({out.force, out.theta});
    return {out.mapped.points, out.mapped.log_derivative, out.force, out.theta};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    variable_list found = saved_gradients(context, gradients);
    found.resize(5);  // force, shape and direction have none
    return found;
  }
};

class SplineTransformer final : public Transformer {
 public:
  explicit SplineTransformer(Shape shape) : shape_(shape) {
    require(shape.bins >= 2, "a spline needs at least 2 bins, got {}; raise the number of bins",
            shape.bins);
    require(shape.tail > 0 && std::isfinite(shape.tail),
            "a spline's tail must be positive and finite, got {}; it acts on [-tail, tail]",
            shape.tail);
  }

  std::int64_t parameters_per_coordinate() const override { return shape_.parameters(); }

  Transformed forward(const Tensor& x, const Tensor& theta) const override {
    return map(x, theta, Direction::kForward);
  }
  Transformed inverse(const Tensor& y, const Tensor& theta) const override {
    return map(y, theta, Direction::kInverse);
  }

  Tensor slope(const Tensor& x, const Tensor& theta, Direction direction) const override {
    require_shapes(x, theta);
    if (fused(x, theta)) {
      return spline::fused_pull_back(shape_, {x, theta, direction}, {{}, {}, 1},
                                     spline::Wanted::kPoints)
          .points;
    }
    return by_tape(x, theta, direction, {{}, at::ones_like(x)})[0];
  }

  Tensor pull_back(const Tensor& x,
                   const Tensor& theta,
                   const Tensor& a,
                   double b,
                   Direction direction) const override {
    require_shapes(x, theta);
    require(a.sizes() == x.sizes(), "a spline's cotangents need the shape of its points, (..., d)");
    if (fused(x, theta)) {
      return spline::fused_pull_back(shape_, {x, theta, direction}, {a, {}, b},
                                     spline::Wanted::kPointsAndTheta)
          .theta;
    }
    return by_tape(x, theta, direction, {a.detach(), at::full_like(x, b)})[1];
  }

  CarriedCoordinates carry(const Tensor& x,
                           const Tensor& theta,
                           const Tensor& force,
                           Direction direction) const override {
    require_shapes(x, theta);
    require(force.sizes() == x.sizes(), "a spline's forces need the shape of its points, (..., d)");
    if (!fused(x, theta)) return Transformer::carry(x, theta, force, direction);
    if (!needs_graph(x, theta)) return spline::fused_carry(shape_, {x, theta, direction}, force);
    const auto out = CarryFunction::apply(x, theta, force.detach(), shape_, direction);
    return {{out[0], out[1]}, out[2], out[3]};
  }

 private:
  void require_shapes(const Tensor& x, const Tensor& theta) const {
    const bool fits = theta.dim() == x.dim() + 1 && theta.size(-1) == shape_.parameters() &&
                      theta.sizes().slice(0, theta.dim() - 1) == x.sizes();
    require(fits, "a spline of {} bins needs {} numbers for every coordinate: pass (..., d, {})",
            shape_.bins, shape_.parameters(), shape_.parameters());
  }

  static bool needs_graph(const Tensor& x, const Tensor& theta) {
    return at::GradMode::is_enabled() && (x.requires_grad() || theta.requires_grad());
  }

  // A trace records tensor operations alone.
  static bool fused(const Tensor& x, const Tensor& theta) {
    return spline::fused_applies(x, theta) && !torch::jit::tracer::isTracing();
  }

  Transformed map(const Tensor& x, const Tensor& theta, Direction direction) const {
    require_shapes(x, theta);
    if (!fused(x, theta)) return spline::composed_map(shape_, x, theta, direction);
    if (!needs_graph(x, theta)) return spline::fused_map(shape_, {x, theta, direction});
    const auto out = MapFunction::apply(x, theta, shape_, direction);
    return {out[0], out[1]};
  }

  variable_list by_tape(const Tensor& x,
                        const Tensor& theta,
                        Direction direction,
                        const variable_list& cotangents) const {
    const at::AutoGradMode recording(true);
    const Tensor leaf = x.detach().requires_grad_(), theta_leaf = theta.detach().requires_grad_();
    return composed_gradients(shape_, {leaf, theta_leaf, direction}, cotangents, false);
  }

  Shape shape_;
};

}  // namespace

std::unique_ptr<Transformer> spline_transformer(std::int64_t bins, double tail) {
  return std::make_unique<SplineTransformer>(Shape{bins, tail});
}

}  // namespace ergon
