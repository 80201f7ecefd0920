#include "ergon/flow/flow_gradient.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <utility>
#include <vector>

#include "base_density.hpp"
#include "ergon/core/errors.hpp"

// MATH: docs/maths/path_gradients.md

namespace ergon {
namespace {

using internal::base_log_prob;

void require_points(const NormalizingFlow& flow, const Tensor& points, const char* what) {
  require(points.dim() == 2 && points.size(0) > 0 && points.size(1) == flow.dim(),
          "{} must be (n, {}), one row for each point and at least one, got {}-dimensional with {} "
          "elements",
          what, flow.dim(), points.dim(), points.numel());
}

// Σ_i <points_i, weights_i> / n with constant weights: its gradient is the mean of weightsᵀ
// ∂points/∂θ.
Tensor surrogate(const Tensor& points, const Tensor& weights) {
  return (points * (weights / static_cast<double>(points.size(0)))).sum();
}

LogDensityAndScore without_graph(const LogDensity& target, const Tensor& x) {
  const at::NoGradGuard no_graph;
  const auto found = target.log_density_and_score(x.detach());
  return {found.log_density.detach(), found.score.detach()};
}

// log q(x) and its gradient by an inverse pass and a walk over its tape.
LogDensityAndScore score_by_inverse_pass(const NormalizingFlow& flow, const Tensor& x) {
  const Tensor points = x.detach().requires_grad_(true);
  const Tensor log_q = flow.log_prob(points);
  return {log_q.detach(), torch::autograd::grad({log_q.sum()}, {points})[0]};
}

FlowLoss reverse_total(const NormalizingFlow& flow, const LogDensity& target, const Tensor& z) {
  const Draws draws = flow.push_forward(z);
  const auto [log_density, score] = without_graph(target, draws.particles);
  const Tensor log_q = draws.log_q.detach();
  // (3), the target's part through its score: no tape through the target.
  return {draws.log_q.mean() - surrogate(draws.particles, score), (log_q - log_density).mean(),
          log_q, log_density};
}

// x with its graph, log q(x) and ∇ log q(x).
FlowLoss reverse_path(const LogDensity& target,
                      const Tensor& x,
                      const Tensor& log_q,
                      const Tensor& score_q) {
  const auto [log_density, score] = without_graph(target, x);
  const Tensor constant = log_q.detach();
  return {surrogate(x, score_q.detach() - score), (constant - log_density).mean(), constant,
          log_density};  // (5)
}

FlowLoss reverse_path_two_pass(const NormalizingFlow& flow,
                               const LogDensity& target,
                               const Tensor& z) {
  Tensor x;
  {
    const at::NoGradGuard no_graph;
    x = flow.push_forward(z).particles;
  }
  const auto [log_q, score_q] = score_by_inverse_pass(flow, x);
  return reverse_path(target, flow.push_forward(z).particles, log_q, score_q);
}

FlowLoss forward_total(const NormalizingFlow& flow, const DataBatch& batch) {
  const Tensor log_q = flow.log_prob(batch.points.detach());
  const Tensor loss = -log_q.mean();
  return {loss, loss.detach(), log_q.detach(), batch.log_density};
}

// z with its graph and ∇ log p_{θ,0}(z), p_{θ,0} the law of z = T⁻¹(x) for x ~ p, by a forward pass
// and a walk over its tape (12).
Carried pulled_back_in_two_passes(const NormalizingFlow& flow,
                                  const Tensor& x,
                                  const Tensor& score) {
  Tensor z;
  {
    const at::NoGradGuard no_graph;
    z = flow.layers().inverse(x, flow.context_for(x)).points.detach();
  }
  z.requires_grad_(true);
  const Mapped there = flow.layers().forward(z, flow.context_for(x));
  const Tensor sum = (there.points * score).sum() + there.log_det.sum();
  const Tensor force = torch::autograd::grad({sum}, {z})[0];
  Mapped back = flow.layers().inverse(x, flow.context_for(x));
  return {std::move(back.points), std::move(back.log_det), force};
}

FlowLoss forward_path(const Carried& pulled, const Tensor& log_density) {
  const Tensor z = pulled.points.detach();
  const Tensor log_q = base_log_prob(z) + pulled.log_det.detach();
  const Tensor weights = pulled.force.detach() + z;  // ∇ log q_0(z) = -z
  return {surrogate(pulled.points, weights), -log_q.mean(), log_q, log_density};  // (11)
}

}  // namespace

FlowLoss reverse_kl_loss(const NormalizingFlow& flow,
                         const LogDensity& target,
                         const Tensor& z,
                         FlowGradient estimator) {
  require_points(flow, z, "the base draws of a reverse KL divergence");
  require(target.dim() == flow.dim(),
          "the target has {} dimensions and the flow {}: make a flow of the target's dimension",
          target.dim(), flow.dim());
  const at::AutoGradMode with_graph(true);
  const Tensor base = z.detach().to(flow.type());
  switch (estimator) {
    case FlowGradient::kReverseTotal:
      return reverse_total(flow, target, base);
    case FlowGradient::kReversePath: {
      const Carried pushed = flow.push_forward_with_score(base);
      return reverse_path(target, pushed.points, pushed.log_det, pushed.force);
    }
    case FlowGradient::kReversePathTwoPass:
      return reverse_path_two_pass(flow, target, base);
    default:
      fail("{} is no estimator of the reverse KL divergence: choose one of reverse-…",
           to_name(estimator));
  }
}

FlowLoss forward_kl_loss(const NormalizingFlow& flow,
                         const DataBatch& batch,
                         FlowGradient estimator) {
  require_points(flow, batch.points, "the data of a forward KL divergence");
  const at::AutoGradMode with_graph(true);
  if (estimator == FlowGradient::kForwardTotal) return forward_total(flow, batch);
  require(!is_reverse(estimator),
          "{} is no estimator of the forward KL divergence: choose one of forward-…",
          to_name(estimator));
  require(batch.score.defined() && batch.score.sizes() == batch.points.sizes(),
          "{} needs the target's score at every data point: give the target that the data come "
          "from, or take forward-total",
          to_name(estimator));
  const Tensor x = batch.points.detach().to(flow.type());
  const Tensor score = batch.score.detach().to(flow.type());
  if (estimator == FlowGradient::kForwardPathTwoPass)
    return forward_path(pulled_back_in_two_passes(flow, x, score), batch.log_density);
  return forward_path(flow.layers().carry_inverse(x, score, flow.context_for(x)),
                      batch.log_density);
}

GradientVariance gradient_variance(const Tensor& gradients) {
  require(gradients.dim() == 2 && gradients.size(0) >= 2,
          "a variance of gradients needs those of at least two batches, (B, P)");
  const Tensor all = gradients.detach().to(at::kDouble);
  const auto batches = static_cast<double>(all.size(0));
  const Tensor mean = all.mean(0);
  const Tensor distances = (all - mean).square().sum(1) * (batches / (batches - 1));
  GradientVariance result;
  result.total = distances.mean().item<double>();
  result.standard_error = distances.std(/*unbiased=*/true).item<double>() / std::sqrt(batches);
  result.squared_mean = mean.square().sum().item<double>();
  return result;
}

Tensor flat_gradient(const NormalizingFlow& flow, const FlowLoss& loss) {
  std::vector<Tensor> leaves;
  for (const auto& [name, tensor] : flow.parameters()) leaves.push_back(tensor);
  if (leaves.empty()) return at::zeros({0}, loss.value.options());
  std::vector<Tensor> gradients(leaves.size());
  if (loss.surrogate.requires_grad()) {
    gradients = torch::autograd::grad({loss.surrogate}, leaves, {}, {},
                                      /*create_graph=*/false, /*allow_unused=*/true);
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    gradients[i] = gradients[i].defined() ? gradients[i].reshape({-1})
                                          : at::zeros({leaves[i].numel()}, leaves[i].options());
  }
  return at::cat(gradients).detach();
}

}  // namespace ergon
