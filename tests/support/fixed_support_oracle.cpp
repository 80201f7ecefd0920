#include "support/fixed_support_oracle.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <vector>

#include "ergon/core/random.hpp"

namespace ergon::testing {

stein::Support random_support(std::int64_t batch,
                              std::int64_t count,
                              std::int64_t dim,
                              std::uint64_t seed) {
  Generator generator = Seed(seed).child("support").generator();
  const auto normal = [&](std::vector<std::int64_t> shape) {
    if (batch > 0) shape.insert(shape.begin(), batch);
    return draw::normal_like(at::empty(shape, at::kDouble), generator);
  };
  stein::Support support;
  support.points = 1.5 * normal({count, dim}) + 2.0;
  support.score = 2.0 * normal({count, dim});
  support.bandwidth = (0.7 + normal({}).abs()) * std::sqrt(static_cast<double>(dim));
  return support;
}

Tensor points_near(const stein::Support& support,
                   std::int64_t rows,
                   double scale,
                   std::uint64_t seed) {
  auto shape = support.points.sizes().vec();
  shape[shape.size() - 2] = rows;
  Generator generator = Seed(seed).child("points").generator();
  return scale * draw::normal_like(at::empty(shape, at::kDouble), generator) + 2.0;
}

Tensor certified_step(const stein::Support& support, double share) {
  return share / stein::lipschitz_bound(support).detach();
}

Tensor oracle_field(const stein::Support& s, const Tensor& x) {
  const Tensor beta = s.bandwidth.pow(-2).unsqueeze(-1).unsqueeze(-1);
  const Tensor d = x.unsqueeze(-2) - s.points.unsqueeze(-3);
  Tensor kernel = (-0.5 * beta * d.pow(2).sum(-1)).exp();
  Tensor count = at::full_like(beta.detach(), static_cast<double>(s.points.size(-2)));
  if (s.alive.defined()) {
    kernel = kernel * s.alive.unsqueeze(-2);
    count = s.alive.sum(-1).to(at::kDouble).view(beta.sizes());
  }
  const Tensor pull = s.score.unsqueeze(-3) + beta.unsqueeze(-1) * d;
  return (kernel.unsqueeze(-1) * pull).sum(-2) / count;
}

Tensor oracle_jacobian(const stein::Support& support, const Tensor& x) {
  const at::AutoGradMode graph(true);
  const Tensor at_x = x.requires_grad() ? x : x.detach().clone().requires_grad_();
  const Tensor field = oracle_field(support, at_x);
  std::vector<Tensor> rows;
  for (std::int64_t a = 0; a < x.size(-1); ++a) {
    rows.push_back(torch::autograd::grad({field.select(-1, a).sum()}, {at_x}, {}, true, true)[0]);
  }
  return at::stack(rows, -2);
}

stein::Pushed oracle_push(const stein::Support& support, const Tensor& step, const Tensor& x) {
  const Tensor scaled = step.unsqueeze(-1).unsqueeze(-1);
  const Tensor matrix = at::eye(x.size(-1), x.options().requires_grad(false)) +
                        scaled.unsqueeze(-1) * oracle_jacobian(support, x);
  return {x + scaled * oracle_field(support, x), std::get<1>(at::linalg_slogdet(matrix))};
}

}  // namespace ergon::testing
