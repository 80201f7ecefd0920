#include "ergon/learn/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ergon/sampler/parameters.hpp"
#include "support/named_target.hpp"

namespace ergon::testing {
namespace {

RunSummary summary_of(const LogDensity& target, const SamplerOptions& options) {
  ergon::Run run(target, options, starting_parameters(options, target.dim(), Seed(1)), Seed(2));
  while (run.status() == RunStatus::kRunning) run.step();
  return summarize(run, options);
}

TEST(LearnSummary, TruncatedParticlesHaveWeightZeroSoThatLogZIsNotTooLarge) {
  // q⁰ = N(0, 9) cut at one standard deviation, the target N(0, 1) in it: the kept weights average
  // to P(|x| < 3) = 0.9973.
  const auto target = named_target("standard-normal", 1);
  SamplerOptions options = sampler_preset(SamplerKind::kPSvgd);
  options.initial.stddev = 3;
  options.control.truncation = 1;
  options.steps.steps = 0;
  options.particles = 2000;
  const RunSummary summary = summary_of(*target, options);
  EXPECT_LT(std::abs(summary.log_z->value - std::log(0.9973002)) / summary.log_z->standard_error,
            4.0);
  EXPECT_LT(summary.log_z->standard_error, 0.02);
  // The survivors' law is uniform-like: entropy of N(0, 9) given |x| < 3, by its closed form.
  const double share = std::erf(1 / std::sqrt(2.0));
  const double second = 9 * (1 - 2 * std::exp(-0.5) / std::sqrt(2 * M_PI) / share);
  const double entropy = std::log(3 * std::sqrt(2 * M_PI) * share) + second / 18;
  EXPECT_LT(std::abs(summary.entropy->value - entropy) / summary.entropy->standard_error, 4.0);
}

TEST(LearnSummary, WithoutADensityThereAreNoEstimates) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = sampler_preset(SamplerKind::kSvgd);
  options.steps.steps = 2;
  const RunSummary summary = summary_of(*target, options);
  EXPECT_FALSE(summary.entropy || summary.elbo || summary.log_z || summary.ess_share);
}

TEST(LearnSummary, MethodsNameTheDensityAndWhetherTheJointBoundIsExact) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = sampler_preset(SamplerKind::kMetSvgd);
  options.particles = 10;
  options.steps.steps = 3;
  options.step_size.value = 0.01;
  EXPECT_THAT(summary_of(*target, options).log_z->method,
              ::testing::HasSubstr("first-order density"));
  options.density.method = DensityMethod::kJoint;
  EXPECT_THAT(summary_of(*target, options).log_z->method, ::testing::StartsWith("lower bound"));
  options.step_size.value = 1000;  // the bound decides
  EXPECT_THAT(summary_of(*target, options).log_z->method,
              ::testing::StartsWith("approximate lower bound"));
  options.step_size.value = 0.01;
  options.bandwidth.rule = BandwidthRule::kMedian;
  EXPECT_THAT(summary_of(*target, options).log_z->method,
              ::testing::StartsWith("approximate lower bound"));
}

// Σ_i log p̄(x_i) - log q(X) of every set, (R), after `steps` steps whose σ and ε are fixed.
Tensor joint_log_weights(const Target& target, DensityMethod density) {
  SamplerOptions options = sampler_preset(SamplerKind::kMetSvgd);
  options.particles = 5;
  options.sets = 50000;
  options.steps.steps = 2;
  options.initial.stddev = 1.6;
  options.bandwidth.rule = BandwidthRule::kFixed;
  options.step_size.rule = StepSizeRule::kFixed;
  options.step_size.value = 0.3;
  options.hessian.trace = HessianTrace::kExact;
  options.bound.bound = StepBound::kNone;
  options.density.method = density;
  ergon::Run run(target, options, starting_parameters(options, target.dim(), Seed(1)), Seed(2));
  while (run.status() == RunStatus::kRunning) run.step();
  return (run.state().log_density - run.state().log_q).sum(-1);
}

// Particles that interact, few enough that the weights of whole sets have a small variance.
TEST(LearnSummary, TheJointDensityBoundsMLogZFromBelowAndItsWeightsAverageToZToTheM) {
  for (const std::int64_t dim : {1, 2}) {
    const auto target = named_target("standard-normal", dim);  // log Z = 0
    const Tensor log_weight = joint_log_weights(*target, DensityMethod::kJoint);
    const auto sets = static_cast<double>(log_weight.numel());
    const Tensor weight = log_weight.exp();
    const double error = weight.std().item<double>() / std::sqrt(sets);
    // 4 standard errors: false alarm 6e-5 each.
    EXPECT_NEAR(weight.mean().item<double>(), 1.0, 4 * error);
    EXPECT_LT(error, 0.02);
    EXPECT_LT(log_weight.mean().item<double>(), 0.0);
    // What leaves the interaction out does not have this property.
    if (dim > 1) continue;
    const Tensor without = joint_log_weights(*target, DensityMethod::kBlock).exp();
    const double without_error = without.std().item<double>() / std::sqrt(sets);
    EXPECT_GT(std::abs(without.mean().item<double>() - 1.0), 6 * without_error);
  }
}

}  // namespace
}  // namespace ergon::testing
