#include "ergon/stein/fixed_support.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"
#include "pair_function.hpp"

namespace ergon::stein {
namespace {

// Leading dimensions of (..., n, D).
std::vector<std::int64_t> leading(const Tensor& x) {
  return {x.sizes().begin(), x.sizes().end() - 2};
}

std::vector<std::int64_t> shape(std::vector<std::int64_t> first, at::IntArrayRef last) {
  first.insert(first.end(), last.begin(), last.end());
  return first;
}

// Bandwidth, step size and mask of `lead`, each of which may lack leading dimensions or have 1.
void require_expandable(const Support& support,
                        const Tensor& step_size,
                        at::IntArrayRef lead,
                        const char* what) {
  require(support.bandwidth.defined() && at::is_expandable_to(support.bandwidth.sizes(), lead),
          "{}: the bandwidth must be ({}), one number a set, got ({})", what, fmt::join(lead, ", "),
          fmt::join(support.bandwidth.sizes(), ", "));
  require(!step_size.defined() || at::is_expandable_to(step_size.sizes(), lead),
          "{}: the step size must be ({}), one number a set, got ({})", what, fmt::join(lead, ", "),
          fmt::join(step_size.sizes(), ", "));
  if (!support.alive.defined()) return;
  const auto rows = shape({lead.begin(), lead.end()}, {support.points.size(-2)});
  require(
      support.alive.scalar_type() == at::kBool && at::is_expandable_to(support.alive.sizes(), rows),
      "{}: the mask of live points must be ({}) of bool, got ({}) of {}", what,
      fmt::join(rows, ", "), fmt::join(support.alive.sizes(), ", "),
      c10::toString(support.alive.scalar_type()));
}

void require_matching(const Support& support, const Tensor& x, const char* what) {
  require(support.points.defined() && support.score.defined() && x.defined(),
          "{}: the support's points and scores and x must be given, one of them is undefined",
          what);
  require(support.points.dim() >= 2 && support.points.sizes() == support.score.sizes(),
          "{}: the support's points and scores must be (..., M, D) alike, got ({}) and ({})", what,
          fmt::join(support.points.sizes(), ", "), fmt::join(support.score.sizes(), ", "));
  require(x.dim() >= 2 && leading(x) == leading(support.points) &&
              x.size(-1) == support.points.size(-1),
          "{}: x must be (..., n, D) with the support's leading dimensions and D, got ({}) for a "
          "support ({})",
          what, fmt::join(x.sizes(), ", "), fmt::join(support.points.sizes(), ", "));
  const auto type = x.scalar_type();
  require(type == at::kFloat || type == at::kDouble,
          "{}: x must be float32 or float64, got {}; convert it", what, c10::toString(type));
  require(support.points.scalar_type() == type && support.score.scalar_type() == type,
          "{}: the support must have the element type of x, {}; convert one of them", what,
          c10::toString(type));
  require(support.points.size(-2) > 0 && support.points.size(-1) > 0,
          "{}: a support needs at least one point of at least one dimension", what);
}

}  // namespace

void require_support(const Support& support,
                     const Tensor& step_size,
                     const Tensor& x,
                     const char* what) {
  require_matching(support, x, what);
  require_expandable(support, step_size, leading(x), what);
}

PairInputs pair_inputs(const Support& support,
                       const Tensor& step_size,
                       const Tensor& x,
                       const char* what) {
  require_support(support, step_size, x, what);
  const auto lead = leading(x);
  const auto type = x.scalar_type();
  PairInputs in;
  const std::int64_t sets = c10::multiply_integers(lead);
  in.x = x.reshape({sets, x.size(-2), x.size(-1)}).contiguous();
  in.points =
      support.points.reshape({sets, support.points.size(-2), support.points.size(-1)}).contiguous();
  in.score = support.score.reshape(in.points.sizes()).contiguous();
  in.beta = support.bandwidth.to(type).pow(-2).expand(lead).reshape({-1}).contiguous();
  in.step = step_size.defined() ? step_size.to(type).expand(lead).reshape({-1}).contiguous()
                                : at::zeros_like(in.beta.detach());
  if (support.alive.defined()) {
    in.alive = support.alive.expand(shape(lead, {in.points.size(1)}))
                   .reshape({sets, in.points.size(1)})
                   .contiguous();
    require(in.alive.any(-1).all().item<bool>(),
            "{}: a support has no live point; leave such sets out", what);
  }
  return in;
}

std::int64_t support_size(const PairInputs& in) {
  return in.alive.defined() ? in.alive.sum(-1).max().item<std::int64_t>() : in.points.size(1);
}

void require_certified(const PairInputs& in, const char* what) {
  const at::NoGradGuard no_grad;
  const Tensor lipschitz = lipschitz_bound({in.points, in.score, in.beta.pow(-0.5), in.alive});
  const Tensor share = at::where(in.step == 0, in.step, in.step.abs() * lipschitz);
  const double worst = share.max().item<double>();
  const double rounding = in.x.scalar_type() == at::kDouble ? 1e-9 : 1e-4;
  require(worst <= 1 + rounding,
          "{}: the step size is {} times the certified bound 1/lipschitz_bound(support); "
          "take one below it",
          what, worst);
}

Tensor field(const Support& support, const Tensor& x) {
  const PairInputs in = pair_inputs(support, {}, x, "stein::field");
  return pair_result(in, PairQuantity::kField).field.view(x.sizes());
}

Tensor field_jacobian(const Support& support, const Tensor& x) {
  const PairInputs in = pair_inputs(support, {}, x, "stein::field_jacobian");
  return pair_result(in, PairQuantity::kJacobian).second.view(shape(x.sizes().vec(), {x.size(-1)}));
}

Tensor lipschitz_bound(const Support& support) {
  const Tensor sigma = support.bandwidth.unsqueeze(-1);
  const Tensor norm = at::linalg_vector_norm(support.score, 2, {-1});
  const Tensor each = norm * std::exp(-0.5) / sigma + sigma.pow(-2);
  if (!support.alive.defined()) return each.mean(-1);
  const Tensor live = at::where(support.alive, each, at::zeros_like(each));
  return live.sum(-1) / support.alive.sum(-1);
}

Pushed push_forward(const Support& support,
                    const Tensor& step_size,
                    const Tensor& x,
                    Determinant determinant) {
  const PairInputs in = pair_inputs(support, step_size, x, "stein::push_forward");
  require_certified(in, "stein::push_forward");
  const bool low_rank = determinant == Determinant::kLowRank ||
                        (determinant == Determinant::kAuto && support_size(in) < in.points.size(2));
  const PairResult at_x =
      pair_result(in, low_rank ? PairQuantity::kLogDetLowRank : PairQuantity::kLogDet);
  const Tensor points = in.x + in.step.view({-1, 1, 1}) * at_x.field;
  return {points.view(x.sizes()), at_x.second.view(shape(leading(x), {x.size(-2)}))};
}

Tensor push_forward_points(const Support& support, const Tensor& step_size, const Tensor& x) {
  const PairInputs in = pair_inputs(support, step_size, x, "stein::push_forward_points");
  const Tensor at_x = pair_result(in, PairQuantity::kField).field;
  return (in.x + in.step.view({-1, 1, 1}) * at_x).view(x.sizes());
}

}  // namespace ergon::stein
