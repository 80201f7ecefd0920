#include "ergon/density/log_density.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <vector>

namespace ergon {
namespace {

constexpr std::int64_t kDirectionsAtOnce =
    32;  // bounds the memory of a Hessian to this many score graphs

/// Whether a result must carry a graph: see the rule in the header.
bool keeps_graph(const Tensor& x) { return c10::GradMode::is_enabled() && x.requires_grad(); }

/// x cut off from its past, as a leaf that can be differentiated (an inference tensor cannot, its
/// copy can).
Tensor private_leaf(const Tensor& x) {
  return (x.is_inference() ? x.clone() : x.detach()).requires_grad_(true);
}

/// ∂(sum of y)/∂x, zeros where y does not depend on x.
Tensor gradient_of_sum(const Tensor& y, const Tensor& x, bool create_graph) {
  if (!y.requires_grad()) return at::zeros_like(x);
  const auto grads =
      torch::autograd::grad({y.sum()}, {x}, {}, create_graph, create_graph, /*allow_unused=*/true);
  return grads[0].defined() ? grads[0] : at::zeros_like(x);
}

}  // namespace

LogDensityAndScore LogDensity::log_density_and_score(const Tensor& x) const {
  const bool keep_graph = keeps_graph(x);
  const c10::InferenceMode no_inference(false);
  const c10::AutoGradMode grad_mode(true);
  const Tensor points = keep_graph ? x : private_leaf(x);
  const Tensor value = log_density(points);
  const Tensor score = gradient_of_sum(value, points, keep_graph);
  if (keep_graph) return {value, score};
  return {value.detach(), score.detach()};
}

Tensor LogDensity::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  const bool keep_graph = keeps_graph(x) || keeps_graph(v);
  const c10::InferenceMode no_inference(false);
  const c10::AutoGradMode grad_mode(true);
  const Tensor points = keeps_graph(x) ? x : private_leaf(x);
  const Tensor directional = log_density_and_score(points).score * v;
  const Tensor product = gradient_of_sum(directional, points, keep_graph);
  return keep_graph ? product : product.detach();
}

Tensor LogDensity::hessian(const Tensor& x) const {
  const std::int64_t d = dim();
  std::vector<std::int64_t> unit_shape(static_cast<std::size_t>(x.dim()) + 1, 1);
  unit_shape.front() = d;
  unit_shape.back() = d;
  const Tensor units = at::eye(d, x.options().requires_grad(false)).view(unit_shape);
  std::vector<Tensor> rows;
  for (std::int64_t first = 0; first < d; first += kDirectionsAtOnce) {
    const std::int64_t count = std::min(kDirectionsAtOnce, d - first);
    auto shape = x.sizes().vec();
    shape.insert(shape.begin(), count);
    rows.push_back(hessian_vector_product(x.unsqueeze(0).expand(shape),
                                          units.narrow(0, first, count).expand(shape)));
  }
  return at::movedim(at::cat(rows, 0), 0, -2);
}

}  // namespace ergon
