#include "support/pair_definition.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "ergon/core/random.hpp"

namespace ergon::testing {

PairCase random_pairs(std::int64_t sets, std::int64_t count, std::int64_t dim, std::uint64_t seed) {
  const auto normal = [&](const char* purpose, at::IntArrayRef shape) {
    return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).child(purpose).generator());
  };
  PairCase pairs;
  pairs.points = normal("points", {sets, count, dim});
  pairs.score = normal("score", {sets, count, dim});
  pairs.vectors = normal("vectors", {2, sets, count, dim});
  // Kernels that reach about the typical distance.
  pairs.beta = (0.3 * normal("bandwidth", {sets})).exp() / static_cast<double>(dim);
  pairs.scale = at::full({sets}, 1.0 / static_cast<double>(count), at::kDouble);
  return pairs;
}

PairCase converted(const PairCase& pairs, const at::TensorOptions& options) {
  PairCase result = pairs;
  for (Tensor* each : {&result.points, &result.score, &result.beta, &result.scale, &result.vectors})
    *each = each->to(options);
  if (pairs.alive.defined()) result.alive = pairs.alive.to(options.device());
  return result;
}

PairDefinition pair_definition(const PairCase& given) {
  const PairCase pairs = converted(given, at::device(at::kCPU).dtype(at::kDouble));
  const auto dim = pairs.points.size(-1);
  const Tensor self = at::eye(pairs.points.size(1), pairs.points.options());
  Tensor taking_part = 1 - self;
  Tensor points = pairs.points, score = pairs.score, rows = at::ones_like(pairs.score);
  if (pairs.alive.defined()) {
    const Tensor live = pairs.alive.unsqueeze(-1);
    points = at::where(live, points, at::zeros_like(points));
    score = at::where(live, score, at::zeros_like(score));
    rows = live.to(at::kDouble);
    taking_part = taking_part * rows * rows.transpose(-1, -2);
  }
  const Tensor difference = points.unsqueeze(2) - points.unsqueeze(1);  // (S, M, M, D)
  const Tensor beta = pairs.beta.view({-1, 1, 1, 1});
  const Tensor scale = pairs.scale.view({-1, 1, 1});
  const Tensor squared = difference.pow(2).sum(-1, true);
  const Tensor kernel = taking_part.unsqueeze(-1) * (-0.5 * beta * squared).exp();
  const Tensor push = score.unsqueeze(1) + beta * difference;  // s_j + βd

  PairDefinition sums;
  sums.velocity = scale * (score + (kernel * push).sum(2));
  sums.kernel = (scale.unsqueeze(-1) * kernel).sum({2, 3});
  const Tensor each = beta * (static_cast<double>(dim) - (push * difference).sum(-1, true));
  sums.trace = (scale.unsqueeze(-1) * kernel * each).sum({2, 3});
  const Tensor v = pairs.vectors.unsqueeze(3);  // (P, S, M, 1, D)
  const auto product = [&](const Tensor& left, const Tensor& right) {
    const Tensor images = beta * (v - left * (right * v).sum(-1, true));
    return scale * (kernel * images).sum(3);
  };
  sums.products = product(push, difference);
  sums.transposed = product(difference, push);
  return sums;
}

PairGradients pair_gradients(const PairCase& given,
                             const Tensor& velocity_grad,
                             const Tensor& trace_grad,
                             const Tensor& kernel_grad) {
  PairCase pairs = converted(given, at::device(at::kCPU).dtype(at::kDouble));
  for (Tensor* each : {&pairs.points, &pairs.score, &pairs.beta})
    *each = each->detach().clone().requires_grad_(true);
  const PairDefinition sums = pair_definition(pairs);
  Tensor total = (sums.velocity * velocity_grad).sum();
  if (trace_grad.defined()) total = total + (sums.trace * trace_grad).sum();
  if (kernel_grad.defined()) total = total + (sums.kernel * kernel_grad).sum();
  const auto grads = torch::autograd::grad({total}, {pairs.points, pairs.score, pairs.beta});
  return {grads[0], grads[1], grads[2]};
}

}  // namespace ergon::testing
