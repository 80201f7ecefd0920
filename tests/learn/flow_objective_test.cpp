#include "ergon/learn/flow_objective.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ergon/learn/flow_estimates.hpp"
#include "ergon/learn/reverse_kl.hpp"
#include "ergon/sampler/parameters.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"

namespace ergon::testing {
namespace {

SamplerOptions small_flow(std::int64_t steps, std::int64_t particles) {
  SamplerOptions options = sampler_preset(SamplerKind::kSteinFlow);
  options.steps.steps = steps;
  options.particles = particles;
  options.initial.stddev = 2;
  return options;
}

NamedTensors starting(const SamplerOptions& options, std::int64_t dim) {
  NamedTensors parameters = starting_parameters(options, dim, Seed(3));
  // Away from the start, where everything is zero or equal.
  for (auto& [name, tensor] : parameters) {
    tensor = tensor + 0.1 * draw::normal_like(tensor, Seed(4).child(name).generator());
  }
  return parameters;
}

double objective_at(const LogDensity& target,
                    const SamplerOptions& options,
                    const NamedTensors& parameters) {
  return flow_objective(target, options, parameters, Seed(5), 7, Seed(6).generator())
      .item<double>();
}

/// Central differences of the objective in every entry of one tensor.
Tensor differences(const LogDensity& target,
                   const SamplerOptions& options,
                   NamedTensors parameters,
                   std::size_t which) {
  constexpr double kStep = 1e-5;
  const Tensor centre = parameters[which].second.clone();
  Tensor gradient = at::zeros_like(centre);
  for (std::int64_t i = 0; i < centre.numel(); ++i) {
    const auto at_offset = [&](double offset) {
      Tensor moved = centre.clone();
      moved.view({-1})[i] += offset;
      parameters[which].second = moved;
      return objective_at(target, options, parameters);
    };
    gradient.view({-1})[i] = (at_offset(kStep) - at_offset(-kStep)) / (2 * kStep);
  }
  return gradient;
}

void expect_gradient_of(const std::string& target_name, const SamplerOptions& options) {
  const auto target = named_target(target_name);
  NamedTensors parameters = starting(options, target->dim());
  NamedTensors leaves;
  for (auto& [name, tensor] : parameters) {
    leaves.emplace_back(name, tensor.detach().clone().requires_grad_());
  }
  flow_objective(*target, options, leaves, Seed(5), 7, Seed(6).generator()).backward();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    SCOPED_TRACE(parameters[i].first);
    ASSERT_TRUE(leaves[i].second.grad().defined());
    const Tensor expected = differences(*target, options, parameters, i);
    Tensor found = leaves[i].second.grad();
    if (parameters[i].first == "precondition.lower") found = found.tril(-1);
    EXPECT_GT(expected.abs().max().item<double>(), 1e-6) << "the parameter has no effect";
    EXPECT_LT((found - expected).abs().max().item<double>(),
              1e-7 * (1 + expected.abs().max().item<double>()));
  }
}

TEST(LearnFlowObjective, GradientsThroughSupportAndDrawsAreThoseOfFiniteDifferences) {
  expect_gradient_of("mixture-4", small_flow(3, 5));
  SamplerOptions sets = small_flow(2, 4);
  sets.sets = 2;
  expect_gradient_of("gaussian-worked", sets);
}

TEST(LearnFlowObjective, GradientsReachEveryBandwidthAndStepSizeRule) {
  SamplerOptions options = small_flow(3, 5);
  options.bandwidth.rule = BandwidthRule::kLearned;
  options.step_size.rule = StepSizeRule::kLearnedPerStep;
  expect_gradient_of("mixture-4", options);
}

TEST(LearnFlowObjective, GradientsOfAPreconditionedMixtureAreThoseOfFiniteDifferences) {
  SamplerOptions options = small_flow(2, 5);
  options.precondition = Precondition::kFull;
  options.initial.family = InitialFamily::kMixture;
  options.initial.components = 2;
  expect_gradient_of("mixture-4", options);
}

TEST(LearnFlowObjective, IsMinusTheElboOfTheRunWithTheSameSeed) {
  const auto target = named_target("mixture-4");
  for (const Precondition precondition : {Precondition::kNone, Precondition::kFull}) {
    SamplerOptions options = small_flow(8, 20);
    options.precondition = precondition;
    const NamedTensors parameters = starting(options, 2);
    const double objective =
        flow_objective(*target, options, parameters, Seed(7), 20000, Seed(8).generator())
            .item<double>();
    FlowOptions flow;
    flow.draws = 20000;
    ergon::Run run(*target, options, parameters, Seed(7), {flow.safety});
    while (run.status() == RunStatus::kRunning) run.step();
    const auto estimates = estimate_with_flows(flows_of(run, flow), *target, flow, Seed(9));
    // Two independent sets of draws: 4 standard errors of the difference, false alarm 6e-5.
    EXPECT_NEAR(-objective, estimates.elbo.value, 4 * 1.42 * estimates.elbo.standard_error);
  }
}

TEST(LearnFlowObjective, AFitOfTheFlowResumesToTheSameBits) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = small_flow(4, 10);
  options.precondition = Precondition::kDiagonal;
  FitOptions fit_options;
  fit_options.iterations = 6;
  fit_options.draws = 16;
  fit_options.evaluate_every = 2;
  const auto make = [&] {
    return ReverseKlFit(*target, options, fit_options, starting_parameters(options, 2, Seed(1)),
                        {Seed(2), Seed(3)});
  };
  ReverseKlFit whole = make();
  while (!whole.finished()) whole.step();
  ReverseKlFit first = make();
  for (int i = 0; i < 3; ++i) first.step();
  ReverseKlFit resumed = make();
  resumed.restore(first.checkpoint(), "checkpoint");
  while (!resumed.finished()) resumed.step();
  const NamedTensors expected = whole.best_parameters();
  const NamedTensors found = resumed.best_parameters();
  for (std::size_t i = 0; i < expected.size(); ++i)
    expect_same_bits(found[i].second, expected[i].second, expected[i].first);
}

TEST(LearnFlowObjective, AFitOfTheFlowLowersItsObjective) {
  const auto target = named_target("mixture-4");
  const SamplerOptions options = small_flow(5, 20);
  FitOptions fit_options;
  fit_options.iterations = 40;
  ReverseKlFit fit(*target, options, fit_options, starting_parameters(options, 2, Seed(1)),
                   {Seed(2), Seed(3)});
  const double before = fit.best_objective();
  while (!fit.finished()) fit.step();
  EXPECT_LT(fit.best_objective(), before - 0.1);
  EXPECT_GT(fit.best_objective(), -0.02) << "minus the ELBO of a normalised target is above zero";
}

TEST(LearnFlowObjective, FitOptionsThatWouldDoNothingAreRefused) {
  const auto target = named_target("mixture-4");
  const SamplerOptions flow = small_flow(2, 4);
  const auto fit_with = [&](const SamplerOptions& sampler, const FitOptions& fit) {
    ReverseKlFit(*target, sampler, fit, starting_parameters(sampler, 2, Seed(1)),
                 {Seed(2), Seed(3)});
  };
  FitOptions sets;
  sets.iterations = 1;
  sets.sets = 2;
  EXPECT_THROW(fit_with(flow, sets), InvalidInput);
  FitOptions draws;
  draws.iterations = 1;
  draws.draws = 10;
  EXPECT_THROW(fit_with(sampler_preset(SamplerKind::kMetSvgd), draws), InvalidInput);
  EXPECT_THROW(fit_with(sampler_preset(SamplerKind::kSteinMh), {}), InvalidInput);
}

TEST(LearnFlowObjective, ASupportWhereTheDensityIsZeroIsANumericalFailure) {
  const auto target = named_target("ring");
  SamplerOptions options = small_flow(2, 4);
  options.initial.mean = {1e200};
  EXPECT_THROW(flow_objective(*target, options, starting_parameters(options, 2, Seed(3)), Seed(5),
                              7, Seed(6).generator()),
               NumericalFailure);
}

}  // namespace
}  // namespace ergon::testing
