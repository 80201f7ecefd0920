#include "flow/carry_oracle.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <tuple>
#include <vector>

namespace ergon::testing {
namespace {

Tensor leaf_of(const Tensor& x) { return x.detach().clone().requires_grad_(true); }

/// (n, D, D) with a graph.
Tensor jacobian_with_graph(const PointMap& map, const Tensor& leaf) {
  const Tensor y = map(leaf).points;
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < leaf.size(-1); ++i) {
    rows.push_back(torch::autograd::grad({y.select(-1, i).sum()}, {leaf}, {},
                                         /*retain_graph=*/true, /*create_graph=*/true,
                                         /*allow_unused=*/true)[0]);
    if (!rows.back().defined()) rows.back() = at::zeros_like(leaf);
  }
  return at::stack(rows, -2);
}

}  // namespace

Tensor brute_force_jacobian(const PointMap& map, const Tensor& x) {
  const c10::AutoGradMode grad(true);
  return jacobian_with_graph(map, leaf_of(x)).detach();
}

Tensor brute_force_carry(const PointMap& map, const Tensor& x, const Tensor& force) {
  const c10::AutoGradMode grad(true);
  const Tensor leaf = leaf_of(x);
  const Tensor jacobian = jacobian_with_graph(map, leaf);
  Tensor slope = at::zeros_like(leaf);
  if (jacobian.requires_grad()) {
    const Tensor log_det = std::get<1>(at::linalg_slogdet(jacobian));
    const Tensor gradient =
        torch::autograd::grad({log_det.sum()}, {leaf}, {}, /*retain_graph=*/true,
                              /*create_graph=*/false, /*allow_unused=*/true)[0];
    if (gradient.defined()) slope = gradient;
  }
  const Tensor right_side = (force - slope).detach().unsqueeze(-1);
  return at::linalg_solve(jacobian.detach().transpose(-1, -2), right_side).squeeze(-1);
}

Tensor brute_force_carry_forward(const FlowLayer& layer,
                                 const Tensor& x,
                                 const Tensor& force,
                                 const Tensor& context) {
  return brute_force_carry([&](const Tensor& at) { return layer.forward(at, context); }, x, force);
}

Tensor brute_force_carry_inverse(const FlowLayer& layer,
                                 const Tensor& y,
                                 const Tensor& force,
                                 const Tensor& context) {
  return brute_force_carry([&](const Tensor& at) { return layer.inverse(at, context); }, y, force);
}

}  // namespace ergon::testing
