#include "triangular_solve.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"

namespace ergon::internal {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

enum class Solve { kZero, kPlain, kTransposed };

/// What a node of the graph holds.
struct Held : torch::CustomClassHolder {
  explicit Held(std::shared_ptr<const TriangularJacobian> given) : jacobian(std::move(given)) {}
  std::shared_ptr<const TriangularJacobian> jacobian;
};

/// (..., n, D) as D rows (..., n) side by side, (..., n, D, K) as D of (K, ..., n).
std::vector<Tensor> by_coordinate(const Tensor& x) {
  return x.detach().movedim(-1, 0).contiguous().unbind(0);
}
std::vector<Tensor> numbers_by_coordinate(const Tensor& theta) {
  return theta.detach().movedim(-1, 0).movedim(-1, 0).contiguous().unbind(0);
}

class LinearSolve : public torch::autograd::Function<LinearSolve> {
 public:
  static Tensor forward(AutogradContext* context,
                        const Tensor& v,
                        const c10::intrusive_ptr<Held>& held,
                        Solve what,
                        std::int64_t order) {
    context->saved_data["held"] = c10::IValue::make_capsule(held);
    context->saved_data["transposed"] = what == Solve::kTransposed;
    context->saved_data["order"] = order;
    const at::NoGradGuard no_grad;
    if (what == Solve::kZero) return at::zeros_like(v);
    return what == Solve::kPlain ? held->jacobian->solve(v) : held->jacobian->solve_transposed(v);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const std::int64_t order = context->saved_data["order"].toInt();
    require(order > 0,
            "the inverse of an autoregressive layer was differentiated more often than it can be: "
            "twice, the points of carry_inverse once");
    const auto held =
        c10::static_intrusive_pointer_cast<Held>(context->saved_data["held"].toCapsule());
    const bool transposed = context->saved_data["transposed"].toBool();
    return {apply(gradients[0], held, transposed ? Solve::kPlain : Solve::kTransposed, order - 1),
            Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

// From the first coordinate to the last: s_i = (v_i - ∂f_i/∂θ_i · (∂θ_i/∂x s)) / f'_i.
Tensor TriangularJacobian::solve(const Tensor& v) const {
  const at::NoGradGuard no_grad;
  const auto forwards = network->tangents();
  const auto right = by_coordinate(v), slopes = by_coordinate(derivative);
  const auto factors = by_theta.detach().unbind(-2);
  std::vector<Tensor> solution;
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto coordinate = static_cast<std::int64_t>(i);
    const Tensor moved = forwards->outputs(coordinate).mul(factors[i]).sum(-1);
    solution.push_back(at::sub(right[i], moved).div_(slopes[i]));
    forwards->set(coordinate, solution.back());
  }
  return at::stack(solution, -1);
}

// From the last coordinate to the first: u_i = (v_i + Σ_{j>i} (extra_j - u_j ∂f_j/∂θ_j) ·
// ∂θ_j/∂x_i) / f'_i.
Tensor TriangularJacobian::solve_transposed(const Tensor& v, const Tensor& extra) const {
  const at::NoGradGuard no_grad;
  const auto backwards = network->backwards();
  const auto right = by_coordinate(v), slopes = by_coordinate(derivative);
  const auto factors = numbers_by_coordinate(by_theta);
  const auto extras = extra.defined() ? numbers_by_coordinate(extra) : std::vector<Tensor>();
  std::vector<Tensor> solution(right.size());
  for (std::size_t i = right.size(); i-- > 0;) {
    const auto coordinate = static_cast<std::int64_t>(i);
    solution[i] = backwards->input(coordinate).add(right[i]).div_(slopes[i]);
    const Tensor cotangent = extra.defined() ? at::addcmul(extras[i], solution[i], factors[i], -1)
                                             : at::mul(solution[i], factors[i]).neg_();
    backwards->set(coordinate, cotangent.movedim(0, -1));
  }
  return at::stack(solution, -1);
}

ChordStep::ChordStep(TriangularJacobian jacobian, std::int64_t order)
    : jacobian_(std::make_shared<const TriangularJacobian>(std::move(jacobian))), order_(order) {}

Tensor ChordStep::operator()(const Tensor& residual) const {
  return LinearSolve::apply(residual, c10::make_intrusive<Held>(jacobian_), Solve::kZero, order_);
}

}  // namespace ergon::internal
