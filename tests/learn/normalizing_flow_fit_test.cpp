#include "ergon/learn/normalizing_flow_fit.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "ergon/core/errors.hpp"
#include "ergon/density/gaussian.hpp"
#include "ergon/density/hypercube_mixture.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "support/compare.hpp"

namespace ergon::testing {
namespace {

NormalizingFlow elementwise_flow(std::int64_t dim = 2) {
  return NormalizingFlow(std::make_shared<ElementwiseAffine>(dim));
}

NormalizingFlow coupling_flow(at::ScalarType type, std::int64_t context_dim = 0) {
  NormalizingFlowOptions options = normalizing_flow_preset(FlowArchitecture::kRealNvp);
  options.layers = 4;
  options.network.hidden = 24;
  options.context_dim = context_dim;
  return NormalizingFlow(options, 2, type, Seed(1).generator());
}

NormalizingFlowFitOptions fit_options(FlowGradient gradient, std::int64_t iterations) {
  NormalizingFlowFitOptions options;
  options.gradient = gradient;
  options.iterations = iterations;
  options.batch = 32;
  options.learning_rate = 0.05;
  options.final_learning_rate = 1e-4;
  options.evaluate_every = 10;
  options.held_out_draws = 50;
  return options;
}

Gaussian wide_gaussian() {
  return Gaussian("p", at::tensor({1.5, -0.7}, at::kDouble), at::tensor({2.0, 0.3}, at::kDouble));
}

// KL(N(b, diag e^{2s}) || N(m, diag v)).
double divergence(const NormalizingFlow& flow) {
  const at::NoGradGuard no_graph;
  const auto parameters = flow.parameters();
  const Tensor b = parameters[0].second, s = 14 * (parameters[1].second / 14).tanh();
  const auto known = wide_gaussian().known();
  const Tensor variance = known.covariance->diagonal();
  return (0.5 * ((2 * s).exp() / variance + (b - *known.mean).square() / variance - 1 +
                 variance.log()) -
          s)
      .sum()
      .item<double>();
}

TrainingData training_data(const Target& target, std::int64_t count) {
  TrainingData data;
  data.train = *target.sample(count, Seed(20).generator());
  data.held_out = *target.sample(count, Seed(21).generator());
  return data;
}

void run(NormalizingFlowFit& fit) {
  while (!fit.finished()) fit.step();
}

void expect_same_parameters(const NamedTensors& a, const NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) expect_same_bits(a[i].second, b[i].second, a[i].first);
}

TEST(LearnNormalizingFlowFit, ReversePathFindsAGaussianExactly) {
  const Gaussian target = wide_gaussian();
  NormalizingFlow flow = elementwise_flow();
  EXPECT_GT(divergence(flow), 0.5);
  NormalizingFlowFit fit(flow, &target, {}, fit_options(FlowGradient::kReversePath, 300), Seed(2));
  run(fit);
  EXPECT_LT(divergence(flow), 1e-6);
  EXPECT_EQ(fit.skipped(), 0);
  EXPECT_NEAR(fit.trace().back().held_out, 0.0, 1e-3);  // log q - log p vanishes at every draw
}

TEST(LearnNormalizingFlowFit, ForwardPathFindsAGaussianFromAHandfulOfPoints) {
  const Gaussian target = wide_gaussian();
  const auto after = [&](FlowGradient gradient) {
    NormalizingFlow flow = elementwise_flow();
    NormalizingFlowFit fit(flow, &target, training_data(target, 12), fit_options(gradient, 300),
                           Seed(3));
    run(fit);
    return divergence(flow);
  };
  // Maximum likelihood can only find the points' own mean and variance.
  EXPECT_LT(after(FlowGradient::kForwardPath), 1e-6);
  EXPECT_GT(after(FlowGradient::kForwardTotal), 1e-2);
}

TEST(LearnNormalizingFlowFit, MaximumLikelihoodFindsTheDatasMeanAndVariance) {
  const Gaussian target = wide_gaussian();
  NormalizingFlow flow = elementwise_flow();
  const TrainingData data = training_data(target, 64);
  NormalizingFlowFitOptions options = fit_options(FlowGradient::kForwardTotal, 200);
  options.batch = 1000;  // more than there are: all of them
  NormalizingFlowFit fit(flow, nullptr, data, options, Seed(4));
  run(fit);
  const auto drawn = flow.parameters();
  EXPECT_NEAR(0.0, (drawn[0].second - data.train.mean(0)).abs().max().item<double>(), 1e-4);
  const Tensor scale = (14 * (drawn[1].second / 14).tanh()).exp();
  EXPECT_NEAR(0.0, (scale - data.train.std(0, false)).abs().max().item<double>(), 1e-4);
}

TEST(LearnNormalizingFlowFit, FirstBatchSetsWhatTheFlowLearnsFromData) {
  const Gaussian target = wide_gaussian();
  NormalizingFlow flow = elementwise_flow();
  const TrainingData data = training_data(target, 32);
  NormalizingFlowFitOptions options = fit_options(FlowGradient::kForwardTotal, 1);
  NormalizingFlowFit fit(flow, nullptr, data, options, Seed(4));
  const auto start = flow.parameters();
  expect_close(start[0].second.detach(), data.train.mean(0), 1e-6, "location");
  EXPECT_EQ(fit.best_iteration(), 0);
}

TEST(LearnNormalizingFlowFit, ResumesToTheSameBits) {
  const HypercubeMixture target(2, 0.5);
  TrainingData pixels;
  pixels.train = at::randint(0, 4, {70, 2}, Seed(5).generator(), at::kByte);
  pixels.held_out = pixels.train.narrow(0, 0, 20).clone();
  pixels.dequantisation = 1.0;
  for (const FlowGradient gradient : {FlowGradient::kReversePath, FlowGradient::kReverseTotal,
                                      FlowGradient::kForwardTotal, FlowGradient::kForwardPath}) {
    const auto data = [&]() -> std::optional<TrainingData> {
      if (is_reverse(gradient)) return {};
      if (gradient == FlowGradient::kForwardTotal) return pixels;
      return training_data(target, 70);
    };
    NormalizingFlowFitOptions options = fit_options(gradient, 9);  // 2 batches an epoch
    options.evaluate_every = 2;
    NormalizingFlow flow = coupling_flow(at::kFloat), early = coupling_flow(at::kFloat),
                    late = coupling_flow(at::kFloat);
    NormalizingFlowFit whole(flow, &target, data(), options, Seed(6));
    run(whole);
    NormalizingFlowFit first(early, &target, data(), options, Seed(6));
    for (int i = 0; i < 4; ++i) first.step();
    NormalizingFlowFit resumed(late, &target, data(), options, Seed(6));
    resumed.step();  // what happened before does not matter
    resumed.restore(first.checkpoint(), "checkpoint");
    run(resumed);
    expect_same_parameters(late.parameters(), flow.parameters());
    expect_same_parameters(resumed.checkpoint(), whole.checkpoint());
    EXPECT_EQ(resumed.best_iteration(), whole.best_iteration());
    EXPECT_EQ(resumed.trace().size(), 9u);
  }
}

TEST(LearnNormalizingFlowFit, KeepsTheParametersWithTheLowestHeldOutObjective) {
  const HypercubeMixture target(2, 0.5);
  NormalizingFlow flow = coupling_flow(at::kDouble);
  NormalizingFlowFitOptions options = fit_options(FlowGradient::kReverseTotal, 40);
  options.learning_rate = 0.5;  // far too large: the objective goes up and down
  options.evaluate_every = 1;
  NormalizingFlowFit fit(flow, &target, {}, options, Seed(7));
  double lowest = fit.best_objective();
  std::int64_t where = 0;
  while (!fit.finished()) {
    fit.step();
    const FitRow& row = fit.trace().back();
    if (row.held_out < lowest) where = row.iteration, lowest = row.held_out;
  }
  EXPECT_EQ(fit.best_objective(), lowest);
  EXPECT_EQ(fit.best_iteration(), where);
  // The best parameters give the best objective again.
  flow.set_parameters(fit.best_parameters(), "best");
  NormalizingFlowFit again(flow, &target, {}, options, Seed(7));
  EXPECT_EQ(again.best_objective(), lowest);
}

TEST(LearnNormalizingFlowFit, TellsTheEffectiveSampleSizeOfTheHeldOutDraws) {
  const Gaussian target = wide_gaussian();
  NormalizingFlow flow = coupling_flow(at::kDouble);
  NormalizingFlowFit fit(flow, &target, std::nullopt, fit_options(FlowGradient::kReversePath, 20),
                         Seed(3));
  run(fit);
  EXPECT_TRUE(std::isnan(fit.trace()[0].held_out_ess));
  const at::NoGradGuard no_graph;
  const Draws draws =
      flow.push_forward(flow.base_draws(50, Seed(3).child("held-out", 0).generator()));
  const Tensor weight = (target.log_density(draws.particles) - draws.log_q).exp();
  const double share = (weight.sum().square() / (50 * weight.square().sum())).item<double>();
  EXPECT_NEAR(fit.trace().back().held_out_ess, share, 1e-12);
  EXPECT_LT(share, 0.999);
}

TEST(LearnNormalizingFlowFit, StopsWhenPatienceRunsOut) {
  const Gaussian target = wide_gaussian();
  NormalizingFlow flow = elementwise_flow();
  NormalizingFlowFitOptions options = fit_options(FlowGradient::kForwardTotal, 500);
  options.evaluate_every = 5;
  options.patience = 3;
  options.final_learning_rate = options.learning_rate;
  NormalizingFlowFit fit(flow, nullptr, training_data(target, 12), options, Seed(8));
  run(fit);
  EXPECT_TRUE(fit.stopped_early());
  ASSERT_LT(fit.trace().size(), 500u);
  EXPECT_EQ(static_cast<std::int64_t>(fit.trace().size()), fit.best_iteration() + 15);
}

TEST(LearnNormalizingFlowFit, SkipsAndCountsIterationsWithoutAFiniteGradient) {
  // A standard normal whose density is NaN above x_1 = 2: most batches of 32 have no such draw.
  class Broken final : public LogDensity {
   public:
    std::int64_t dim() const override { return 2; }
    Tensor log_density(const Tensor& x) const override {
      const Tensor bad = at::full({}, std::numeric_limits<double>::quiet_NaN(), x.options());
      return at::where(x.select(-1, 0) > 2, bad, -0.5 * x.square().sum(-1));
    }
  };
  const Broken target;
  NormalizingFlow flow = elementwise_flow();
  NormalizingFlowFit fit(flow, &target, {}, fit_options(FlowGradient::kReverseTotal, 30), Seed(9));
  std::int64_t unchanged = 0;
  while (!fit.finished()) {
    const Tensor before = flow.parameters()[0].second.detach().clone();
    fit.step();
    const bool same = at::equal(before, flow.parameters()[0].second.detach());
    EXPECT_EQ(same, !std::isfinite(fit.trace().back().objective));
    unchanged += same ? 1 : 0;
  }
  EXPECT_EQ(fit.skipped(), unchanged);
  EXPECT_GT(unchanged, 3);
  EXPECT_LT(unchanged, 27);
}

TEST(LearnNormalizingFlowFit, CutsTheGradientsNorm) {
  // Adam's first step does not see the gradient's length, its second does: with the cut far below
  // every gradient the two have equal lengths.
  const Gaussian target("p", at::tensor({50.0}, at::kDouble), at::tensor({1.0}, at::kDouble));
  const auto second_moment = [&](double clip) {
    NormalizingFlow flow = elementwise_flow(1);
    NormalizingFlowFitOptions options = fit_options(FlowGradient::kReversePath, 1);
    options.gradient_clip = clip;
    NormalizingFlowFit fit(flow, &target, {}, options, Seed(10));
    fit.step();
    EXPECT_GT(fit.trace()[0].gradient_norm, 40.0);
    return find_tensor(fit.checkpoint(), "adam.second_moment", "test").sum().item<double>();
  };
  EXPECT_NEAR(second_moment(2.0), 1e-3 * 4.0, 1e-9);  // (1 - β₂) |g|²
  EXPECT_GT(second_moment(1e6), 1.0);
}

TEST(LearnNormalizingFlowFit, PathGradientsOfATrainedFlowVaryLessThanAFifthOfTheTotalOnes) {
  const HypercubeMixture target(2, 0.5);
  NormalizingFlow flow = coupling_flow(at::kFloat);
  NormalizingFlowFitOptions options = fit_options(FlowGradient::kReversePath, 300);
  options.batch = 200;
  options.learning_rate = 1e-2;
  options.evaluate_every = 100;
  NormalizingFlowFit fit(flow, &target, {}, options, Seed(11));
  run(fit);
  const auto variance = [&](FlowGradient estimator) {
    std::vector<Tensor> gradients;
    for (std::uint64_t batch = 0; batch < 60; ++batch) {
      const Tensor z = flow.base_draws(100, Seed(12).child("batch", batch).generator());
      gradients.push_back(flat_gradient(flow, reverse_kl_loss(flow, target, z, estimator)));
    }
    return gradient_variance(at::stack(gradients));
  };
  const auto path = variance(FlowGradient::kReversePath);
  const auto total = variance(FlowGradient::kReverseTotal);
  EXPECT_LT(path.total + 3 * path.standard_error, (total.total - 3 * total.standard_error) / 5);
}

TEST(LearnNormalizingFlowFit, LearnsAConditionalDensity) {
  // x = (c, -c) + noise of deviation 0.5; the start ignores c.
  TrainingData data;
  Tensor noise;
  const auto make = [&](std::uint64_t index) {
    const Tensor like = at::empty({400, 3}, at::kFloat);
    const Tensor all = draw::normal_like(like, Seed(13).child("data", index).generator());
    const Tensor c = all.narrow(1, 0, 1);
    noise = 0.5 * all.narrow(1, 1, 2);
    return std::make_pair(at::cat({c, -c}, 1) + noise, c);
  };
  std::tie(data.train, data.train_context) = make(0);
  std::tie(data.held_out, data.held_out_context) = make(1);
  const double exact =
      std::log(2 * M_PI * 0.25) + noise.square().sum(1).mean().item<double>() / (2 * 0.25);
  NormalizingFlow flow = coupling_flow(at::kFloat, 1);
  NormalizingFlowFitOptions options = fit_options(FlowGradient::kForwardTotal, 300);
  options.batch = 100;
  options.learning_rate = 1e-2;
  NormalizingFlowFit fit(flow, nullptr, data, options, Seed(17));
  EXPECT_GT(fit.best_objective(), exact + 0.5);
  run(fit);
  EXPECT_NEAR(fit.best_objective(), exact, 0.1);  // what 400 points can teach
}

TEST(LearnNormalizingFlowFit, StepsAreThoseOfAdamOnTheFirstDraws) {
  const HypercubeMixture target(2, 0.5);
  NormalizingFlow flow = coupling_flow(at::kDouble), same = coupling_flow(at::kDouble);
  NormalizingFlowFitOptions options = fit_options(FlowGradient::kReversePath, 6);
  options.final_learning_rate = options.learning_rate;
  options.gradient_clip = 1e9;
  NormalizingFlowFit fit(flow, &target, {}, options, Seed(18));
  run(fit);
  std::vector<Tensor> leaves;
  for (const auto& [name, tensor] : same.parameters()) leaves.push_back(tensor);
  torch::optim::Adam adam(leaves, torch::optim::AdamOptions(options.learning_rate));
  for (std::uint64_t iteration = 1; iteration <= 6; ++iteration) {
    const Tensor z = same.base_draws(options.batch, Seed(18).child("draws", iteration).generator());
    adam.zero_grad();
    reverse_kl_loss(same, target, z, options.gradient).surrogate.backward();
    adam.step();
  }
  const auto moved = flow.parameters();
  for (std::size_t i = 0; i < leaves.size(); ++i)
    expect_close(moved[i].second.detach(), leaves[i].detach(), 1e-9, moved[i].first);
}

}  // namespace
}  // namespace ergon::testing
