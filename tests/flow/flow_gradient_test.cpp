#include "ergon/flow/flow_gradient.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "ergon/core/errors.hpp"
#include "ergon/density/gaussian.hpp"
#include "ergon/density/hypercube_mixture.hpp"
#include "ergon/flow/composition.hpp"
#include "ergon/flow/coupling.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "flow/layer_cases.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

constexpr FlowGradient kReverse[] = {FlowGradient::kReverseTotal, FlowGradient::kReversePath,
                                     FlowGradient::kReversePathTwoPass};
constexpr FlowGradient kForward[] = {FlowGradient::kForwardTotal, FlowGradient::kForwardPath,
                                     FlowGradient::kForwardPathTwoPass};

std::vector<Tensor> leaves_of(const NormalizingFlow& flow) {
  std::vector<Tensor> leaves;
  for (const auto& [name, tensor] : flow.parameters()) leaves.push_back(tensor);
  return leaves;
}

// Affine couplings of two coordinates and a learned location and scale, float64; spread = 0: the
// identity.
NormalizingFlow coupling_flow(double spread) {
  NetworkOptions network;
  network.hidden = 5;
  network.hidden_layers = 1;
  std::vector<std::unique_ptr<FlowLayer>> layers;
  for (std::uint64_t i = 0; i < 3; ++i) {
    layers.push_back(std::make_unique<Coupling>(
        std::vector<bool>{i % 2 == 0, i % 2 == 1}, affine_transformer(2.0),
        fully_connected({1, 0, 2}, network, Seed(3).child("network", i).generator())));
  }
  layers.push_back(std::make_unique<ElementwiseAffine>(2));
  auto all = std::make_shared<Composition>(std::move(layers));
  if (spread > 0) perturb_parameters(*all, spread, Seed(4));
  return NormalizingFlow(all);
}

Gaussian standard_normal(std::int64_t dim) {
  return Gaussian("standard-normal", at::zeros({dim}, at::kDouble), at::ones({dim}, at::kDouble));
}

DataBatch data_batch(const LogDensity& target, const Tensor& points) {
  const auto [log_density, score] = target.log_density_and_score(points);
  return {points, log_density, score};
}

// The midpoints of a grid on [-a, a]² of side `points`, (points², 2), and their cell's area.
std::pair<Tensor, double> grid(double a, std::int64_t points) {
  const double h = 2 * a / static_cast<double>(points);
  const Tensor line = (at::arange(points, at::kDouble) + 0.5) * h - a;
  return {at::stack({line.repeat_interleave(points), line.repeat({points})}, 1), h * h};
}

Tensor flat(const Tensor& value, const NormalizingFlow& flow) {
  std::vector<Tensor> pieces;
  for (const Tensor& g : torch::autograd::grad({value}, leaves_of(flow)))
    pieces.push_back(g.reshape({-1}));
  return at::cat(pieces);
}

// KL(q || p) by the trapezoid rule over base draws: no estimator, no score, no recursion.
Tensor reverse_kl_by_quadrature(const NormalizingFlow& flow, const LogDensity& target) {
  const auto [z, area] = grid(6.5, 80);
  const Tensor weights = (-0.5 * z.square().sum(1)).exp() * (area / (2 * M_PI));
  const Draws draws = flow.push_forward(z);
  return (weights * (draws.log_q - target.log_density(draws.particles))).sum();
}

Tensor forward_kl_by_quadrature(const NormalizingFlow& flow, const LogDensity& target) {
  const auto [x, area] = grid(6.5, 80);
  const Tensor log_p = target.log_density(x);
  return (log_p.exp() * area * (log_p - flow.log_prob(x))).sum();
}

void expect_mean_within_errors(const Tensor& gradients, const Tensor& exact, FlowGradient which) {
  const Tensor mean = gradients.mean(0);
  const Tensor error = gradients.std(0) / std::sqrt(static_cast<double>(gradients.size(0)));
  // About 60 numbers: 5 standard errors are passed by chance once in 3e4 runs.
  const Tensor deviation = ((mean - exact).abs() / (error + 1e-12)).max();
  EXPECT_LT(deviation.item<double>(), 5.0) << to_name(which);
  EXPECT_LT(error.norm().item<double>(), 0.2 * exact.norm().item<double>())
      << to_name(which) << ": too few batches to tell anything";
}

TEST(FlowGradients, QuadratureGradientIsTheSlopeOfTheDivergence) {
  const HypercubeMixture target(2, 0.5);
  const NormalizingFlow flow = coupling_flow(0.4);
  for (const auto& divergence : {reverse_kl_by_quadrature, forward_kl_by_quadrature}) {
    const Tensor gradient = flat(divergence(flow, target), flow);
    const Tensor direction = draw::normal_like(gradient, Seed(6).generator());
    const auto shifted = [&](double by) {
      const at::NoGradGuard no_graph;
      const auto move = [&](double step) {
        std::int64_t first = 0;
        for (const Tensor& leaf : leaves_of(flow)) {
          leaf.add_(direction.narrow(0, first, leaf.numel()).view(leaf.sizes()), step);
          first += leaf.numel();
        }
      };
      move(by);
      const double value = divergence(flow, target).item<double>();
      move(-by);
      return value;
    };
    const double h = 1e-4;  // the difference's error is of order h²
    const double slope = (shifted(h) - shifted(-h)) / (2 * h);
    EXPECT_NEAR(slope, gradient.dot(direction).item<double>(), 1e-5 * std::abs(slope));
  }
}

TEST(FlowGradients, ReverseEstimatorsAgreeInExpectationWithTheExactGradient) {
  const HypercubeMixture target(2, 0.5);
  const NormalizingFlow flow = coupling_flow(0.4);
  const Tensor exact = flat(reverse_kl_by_quadrature(flow, target), flow);
  for (const FlowGradient estimator : kReverse) {
    std::vector<Tensor> gradients;
    for (std::uint64_t batch = 0; batch < 200; ++batch) {
      const Tensor z = flow.base_draws(100, Seed(7).child("batch", batch).generator());
      gradients.push_back(flat_gradient(flow, reverse_kl_loss(flow, target, z, estimator)));
    }
    expect_mean_within_errors(at::stack(gradients), exact, estimator);
  }
}

TEST(FlowGradients, ForwardEstimatorsAgreeInExpectationWithTheExactGradient) {
  const HypercubeMixture target(2, 0.5);
  const NormalizingFlow flow = coupling_flow(0.4);
  const Tensor exact = flat(forward_kl_by_quadrature(flow, target), flow);
  for (const FlowGradient estimator : kForward) {
    std::vector<Tensor> gradients;
    for (std::uint64_t batch = 0; batch < 200; ++batch) {
      const Tensor x = *target.sample(100, Seed(8).child("batch", batch).generator());
      gradients.push_back(
          flat_gradient(flow, forward_kl_loss(flow, data_batch(target, x), estimator)));
    }
    expect_mean_within_errors(at::stack(gradients), exact, estimator);
  }
}

TEST(FlowGradients, GaussianGradientsAreThoseOfTheClosedForm) {
  // q = N(b, diag e^{2s}), p = N(m, C): with z = ±√2 e_i, whose mean is 0 and whose covariance is
  // I, the reparametrised sums are exact, so that every reverse estimator gives the exact gradient.
  const Tensor covariance = at::tensor({1.5, 0.6, 0.6, 0.8}, at::kDouble).view({2, 2});
  const Tensor mean = at::tensor({0.7, -0.4}, at::kDouble);
  const Gaussian target("p", mean, covariance);
  const NormalizingFlow flow(std::make_shared<ElementwiseAffine>(2));
  const auto leaves = leaves_of(flow);
  {
    const at::NoGradGuard no_graph;
    leaves[0].copy_(at::tensor({0.2, 0.1}, at::kDouble));
    leaves[1].copy_(at::tensor({0.3, -0.2}, at::kDouble));
  }
  const Tensor log_scale = 14 * (leaves[1] / 14).tanh();
  const Tensor precision = at::inverse(covariance), offset = leaves[0] - mean;
  const Tensor divergence = 0.5 * (precision.diagonal() * (2 * log_scale).exp()).sum() +
                            0.5 * offset.matmul(precision.matmul(offset)) - log_scale.sum();
  const Tensor exact = flat(divergence, flow);
  const Tensor corners = std::sqrt(2.0) * at::eye(2, at::kDouble);
  for (const FlowGradient estimator : kReverse) {
    const auto loss = reverse_kl_loss(flow, target, at::cat({corners, -corners}), estimator);
    expect_close(flat_gradient(flow, loss), exact, tolerance<double>(),
                 std::string(to_name(estimator)));
  }
}

TEST(FlowGradients, PathGradientIsExactlyZeroForEveryBatchWhereTheFlowIsTheTarget) {
  const Gaussian target = standard_normal(2);
  const NormalizingFlow flow = coupling_flow(0.0);
  for (std::uint64_t batch = 0; batch < 5; ++batch) {
    const Tensor z = flow.base_draws(7, Seed(9).child("batch", batch).generator());
    const DataBatch data = data_batch(target, z);
    for (const FlowGradient estimator : kReverse) {
      const double largest = flat_gradient(flow, reverse_kl_loss(flow, target, z, estimator))
                                 .abs()
                                 .max()
                                 .item<double>();
      if (estimator == FlowGradient::kReverseTotal)
        EXPECT_GT(largest, 0.01);
      else
        EXPECT_EQ(largest, 0.0) << to_name(estimator);
    }
    for (const FlowGradient estimator : kForward) {
      const double largest =
          flat_gradient(flow, forward_kl_loss(flow, data, estimator)).abs().max().item<double>();
      if (estimator == FlowGradient::kForwardTotal)
        EXPECT_GT(largest, 0.01);
      else
        EXPECT_EQ(largest, 0.0) << to_name(estimator);
    }
  }
}

TEST(FlowGradients, LossesReportWhatTheyEstimate) {
  const HypercubeMixture target(2, 0.5);
  const NormalizingFlow flow = coupling_flow(0.4);
  const Tensor z = flow.base_draws(20, Seed(10).generator());
  const Draws draws = flow.push_forward(z);
  for (const FlowGradient estimator : kReverse) {
    const FlowLoss loss = reverse_kl_loss(flow, target, z, estimator);
    const Tensor log_p = target.log_density(draws.particles);
    const std::string name(to_name(estimator));
    expect_close(loss.log_q, draws.log_q.detach(), tolerance<double>(), name + " log q");
    expect_close(loss.log_density, log_p.detach(), tolerance<double>(), name + " log p");
    expect_close(loss.value, (draws.log_q - log_p).mean().detach(), tolerance<double>(), name);
    EXPECT_FALSE(loss.value.requires_grad() || loss.log_q.requires_grad() ||
                 loss.log_density.requires_grad());
  }
  const Tensor x = draws.particles.detach() + 0.1;
  for (const FlowGradient estimator : kForward) {
    const FlowLoss loss = forward_kl_loss(flow, data_batch(target, x), estimator);
    const std::string name(to_name(estimator));
    expect_close(loss.log_q, flow.log_prob(x).detach(), tolerance<double>(), name + " log q");
    expect_close(loss.value, -flow.log_prob(x).mean().detach(), tolerance<double>(), name);
    EXPECT_FALSE(loss.value.requires_grad() || loss.log_q.requires_grad());
  }
  EXPECT_FALSE(
      forward_kl_loss(flow, {x, {}, {}}, FlowGradient::kForwardTotal).log_density.defined());
}

TEST(FlowGradients, CallersGradientModeDoesNotMatter) {
  const HypercubeMixture target(2, 0.5);
  const NormalizingFlow flow = coupling_flow(0.4);
  const Tensor z = flow.base_draws(20, Seed(11).generator());
  const DataBatch data = data_batch(target, z);
  const auto gradient = [&](FlowGradient estimator) {
    return flat_gradient(flow, is_reverse(estimator) ? reverse_kl_loss(flow, target, z, estimator)
                                                     : forward_kl_loss(flow, data, estimator));
  };
  for (const auto& [estimator, name, help] : EnumNames<FlowGradient>::all()) {
    const Tensor with = gradient(estimator);
    const at::NoGradGuard no_graph;
    expect_same_bits(gradient(estimator), with, std::string(name));
    EXPECT_GT(with.norm().item<double>(), 0.01);
  }
}

TEST(FlowGradients, FlatGradientIsWhatBackwardAddsAndLeavesGradAlone) {
  const HypercubeMixture target(2, 0.5);
  const NormalizingFlow flow = coupling_flow(0.4);
  const Tensor z = flow.base_draws(20, Seed(12).generator());
  const auto loss = [&] { return reverse_kl_loss(flow, target, z, FlowGradient::kReversePath); };
  const Tensor gradient = flat_gradient(flow, loss());
  std::vector<Tensor> accumulated;
  for (const Tensor& leaf : leaves_of(flow)) EXPECT_FALSE(leaf.grad().defined());
  loss().surrogate.backward();
  for (const Tensor& leaf : leaves_of(flow)) accumulated.push_back(leaf.grad().reshape({-1}));
  expect_close(gradient, at::cat(accumulated), tolerance<double>(), "gradient");
}

TEST(FlowGradients, VarianceOfGradientsIsItsDefinition) {
  const Tensor gradients = draw::normal_like(at::empty({6, 4}, at::kDouble), Seed(13).generator());
  const auto found = gradient_variance(gradients);
  EXPECT_NEAR(found.total, gradients.var(0, /*unbiased=*/true).sum().item<double>(), 1e-12);
  EXPECT_NEAR(found.squared_mean, gradients.mean(0).square().sum().item<double>(), 1e-12);
  // Two batches at ±1 in one direction: ḡ = 0, each distance 1 · 2/1.
  const auto two = gradient_variance(at::tensor({1.0, -1.0}, at::kDouble).view({2, 1}));
  EXPECT_EQ(two.total, 2.0);
  EXPECT_EQ(two.standard_error, 0.0);
  EXPECT_THROW(gradient_variance(gradients.narrow(0, 0, 1)), InvalidInput);
}

TEST(FlowGradients, NonFiniteScoreMakesTheGradientNonFinite) {
  class Broken final : public LogDensity {
   public:
    std::int64_t dim() const override { return 2; }
    Tensor log_density(const Tensor& x) const override { return x.sum(-1).log(); }
  };
  const NormalizingFlow flow = coupling_flow(0.4);
  const Tensor z = flow.base_draws(20, Seed(14).generator());
  for (const FlowGradient estimator : kReverse) {
    const FlowLoss loss = reverse_kl_loss(flow, Broken(), z, estimator);
    EXPECT_FALSE(std::isfinite(loss.value.item<double>())) << to_name(estimator);
  }
}

TEST(FlowGradients, RefusesTheOtherDivergenceWrongShapesAndMissingScores) {
  const Gaussian target = standard_normal(2), other = standard_normal(3);
  const NormalizingFlow flow = coupling_flow(0.4);
  const Tensor z = flow.base_draws(4, Seed(15).generator());
  const DataBatch data = data_batch(target, z);
  EXPECT_THROW(reverse_kl_loss(flow, target, z, FlowGradient::kForwardTotal), InvalidInput);
  EXPECT_THROW(forward_kl_loss(flow, data, FlowGradient::kReversePath), InvalidInput);
  EXPECT_THROW(reverse_kl_loss(flow, other, z, FlowGradient::kReversePath), InvalidInput);
  EXPECT_THROW(reverse_kl_loss(flow, target, z[0], FlowGradient::kReversePath), InvalidInput);
  for (const auto estimator : {FlowGradient::kForwardPath, FlowGradient::kForwardPathTwoPass})
    EXPECT_THROW(forward_kl_loss(flow, {z, {}, {}}, estimator), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
