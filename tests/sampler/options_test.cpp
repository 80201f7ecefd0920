#include "ergon/sampler/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

std::string message_of(const std::function<void(SamplerOptions&)>& spoil,
                       SamplerKind kind = SamplerKind::kMetSvgd) {
  SamplerOptions options = sampler_preset(kind);
  spoil(options);
  try {
    options.validate();
  } catch (const InvalidInput& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SamplerOptionsRules, PresetsAreValidAndListed) {
  EXPECT_EQ(sampler_catalogue().size(), EnumNames<SamplerKind>::all().size());
  for (const auto& entry : sampler_catalogue()) {
    const SamplerOptions options = sampler_preset(entry.kind);
    EXPECT_EQ(options.kind, entry.kind);
    EXPECT_NO_THROW(options.validate());
  }
}

TEST(SamplerOptionsRules, NameTheFieldTheRuleAndTheValue) {
  EXPECT_THAT(message_of([](auto& o) { o.particles = 1; }),
              HasSubstr("--particles must be at least 2 and at most 10000000, got 1"));
  EXPECT_THAT(message_of([](auto& o) { o.sets = 0; }),
              HasSubstr("--sets must be at least 1 and at most 10000000, got 0"));
  EXPECT_THAT(message_of([](auto& o) { o.bandwidth.value = -1; }),
              HasSubstr("--bandwidth-value must be positive, got -1"));
  EXPECT_THAT(message_of([](auto& o) { o.bandwidth.maximum = 1e-3; }),
              HasSubstr("--bandwidth-max must exceed"));
  EXPECT_THAT(message_of([](auto& o) { o.step_size.value = 0; }),
              HasSubstr("--step-size-value must be positive"));
  EXPECT_THAT(message_of([](auto& o) { o.initial.stddev = 0; }),
              HasSubstr("--initial-stddev must be positive"));
  EXPECT_THAT(message_of([](auto& o) { o.initial.mean = {}; }), HasSubstr("--initial-mean"));
  EXPECT_THAT(message_of([](auto& o) { o.bound.safety = 1.5; }),
              HasSubstr("--bound-safety must lie in (0, 1], got 1.5"));
  EXPECT_THAT(message_of([](auto& o) { o.control.probability = 2; }),
              HasSubstr("--control-probability"));
  EXPECT_THAT(message_of([](auto& o) { o.steps.steps = -1; }),
              HasSubstr("--steps must be at least 0 and"));
}

TEST(SamplerOptionsRules, RefuseCombinationsThatCannotWork) {
  EXPECT_THAT(message_of([](auto& o) { o.bandwidth.rule = BandwidthRule::kPerStep; }),
              HasSubstr("go together"));
  EXPECT_THAT(message_of([](auto& o) { o.step_size.values = {0.1}; }), HasSubstr("go together"));
  EXPECT_THAT(message_of([](auto& o) {
                o.density.method = DensityMethod::kJoint;
                o.control.control = DivergenceControl::kMetropolisHastings;
              }),
              HasSubstr("cannot be combined with --control metropolis-hastings"));
  EXPECT_THAT(message_of([](auto& o) {
                o.density.method = DensityMethod::kJoint;
                o.hessian.trace = HessianTrace::kOff;
              }),
              HasSubstr("--density joint needs the Hessian"));
  EXPECT_THAT(message_of([](auto& o) {
                o.step_size.rule = StepSizeRule::kBoundFraction;
                o.bound.bound = StepBound::kNone;
              }),
              HasSubstr("bound-fraction needs a bound"));
  EXPECT_THAT(message_of([](auto& o) {
                o.steps.stopping = Stopping::kSteinIdentity;
                o.hessian.trace = HessianTrace::kOff;
              }),
              HasSubstr("stein-identity needs the trace"));
  EXPECT_THAT(message_of([](auto& o) {
                o.particles = 2;
                o.bandwidth.rule = BandwidthRule::kMedian;
              }),
              HasSubstr("at least 3 particles"));
  EXPECT_THAT(message_of([](auto& o) { o.bandwidth.minimum = 2; }),
              HasSubstr("where a learned rule starts"));
  EXPECT_THAT(message_of([](auto& o) {
                o.density.method = DensityMethod::kBlock;
                o.density.normalization = TraceNormalization::kParticlesMinusOne;
              }),
              HasSubstr("belongs to the first-order density"));
  EXPECT_THAT(message_of([](auto& o) {
                o.bound.norm = NormMethod::kPublished;
                o.hessian.trace = HessianTrace::kExact;
              }),
              HasSubstr("--bound-norm published"));
}

TEST(SamplerOptionsRules, SvgdRefusesWhatNeedsADensity) {
  const auto refused = [](const std::function<void(SamplerOptions&)>& spoil) {
    EXPECT_THAT(message_of(spoil, SamplerKind::kSvgd), HasSubstr("svgd tracks no density"));
  };
  refused([](auto& o) { o.bandwidth.rule = BandwidthRule::kLearned; });
  refused([](auto& o) { o.step_size.rule = StepSizeRule::kNetwork; });
  refused([](auto& o) { o.initial.fitting = InitialFitting::kLearned; });
  refused([](auto& o) { o.bound.bound = StepBound::kSpectral; });
  refused([](auto& o) { o.control.control = DivergenceControl::kTruncation; });
  refused([](auto& o) { o.density.method = DensityMethod::kBlock; });
  refused([](auto& o) { o.hessian.trace = HessianTrace::kExact; });
  refused([](auto& o) { o.steps.stopping = Stopping::kSteinIdentity; });
}

TEST(SamplerOptionsNames, EveryChoiceHasAWordThatLeadsBackToIt) {
  for (const auto& entry : EnumNames<BandwidthRule>::all()) {
    EXPECT_EQ(from_name<BandwidthRule>("--bandwidth", entry.name), entry.value);
    EXPECT_EQ(to_name(entry.value), entry.name);
  }
  try {
    from_name<BandwidthRule>("--bandwidth", "medium");
    FAIL() << "an unknown word was accepted";
  } catch (const InvalidInput& error) {
    EXPECT_THAT(
        error.what(),
        HasSubstr("--bandwidth: unknown choice 'medium'; choose one of: fixed, per-step, median"));
  }
}

TEST(SamplerOptionsRules, WhatASamplerDoesNotTakeIsRefusedByName) {
  EXPECT_THAT(
      message_of([](auto& o) { o.bandwidth.rule = BandwidthRule::kMean; }, SamplerKind::kHmc),
      HasSubstr("--bandwidth does nothing under --sampler hmc"));
  EXPECT_THAT(message_of([](auto& o) { o.chain.tree_depth = 5; }, SamplerKind::kSvgd),
              HasSubstr("--tree-depth does nothing under --sampler svgd"));
  EXPECT_THAT(message_of([](auto& o) { o.steps.evaluations = 5; }, SamplerKind::kSmc),
              HasSubstr("--evaluations does nothing under --sampler smc"));
  EXPECT_THAT(message_of([](auto& o) { o.tempering.replicas = 3; }, SamplerKind::kAis),
              HasSubstr("--replicas does nothing"));
  EXPECT_THAT(message_of([](auto& o) { o.steps.steps = 3; }, SamplerKind::kLaplace),
              HasSubstr("--steps does nothing"));
  EXPECT_EQ(message_of([](auto& o) { o.chain.leapfrog_steps = 3; }, SamplerKind::kHmc), "accepted");
}

TEST(SamplerOptionsRules, ChainsAndTemperaturesKeepTheirRanges) {
  EXPECT_THAT(message_of([](auto& o) { o.chain.warmup = 1.0; }, SamplerKind::kNuts),
              HasSubstr("--warmup must lie in [0, 1)"));
  EXPECT_THAT(message_of([](auto& o) { o.chain.target_acceptance = 1.0; }, SamplerKind::kNuts),
              HasSubstr("--target-acceptance must lie in (0, 1)"));
  EXPECT_THAT(
      message_of([](auto& o) { o.tempering.replicas = 1; }, SamplerKind::kParallelTempering),
      HasSubstr("--replicas must be between 2"));
  EXPECT_THAT(
      message_of([](auto& o) { o.step_size.rule = StepSizeRule::kAdapted; }, SamplerKind::kUla),
      HasSubstr("choose fixed"));
  EXPECT_THAT(message_of([](auto& o) { o.step_size.rule = StepSizeRule::kAdapted; }),
              HasSubstr("aims at an acceptance"));
  EXPECT_THAT(message_of([](auto& o) { o.precondition = Precondition::kFull; }, SamplerKind::kHmc),
              HasSubstr("--precondition full"));
  EXPECT_THAT(message_of([](auto& o) { o.chain.mass = MassMatrix::kDense; }, SamplerKind::kHmc),
              HasSubstr("--mass dense is learned by ais and smc"));
}

TEST(SamplerOptionsRules, WhatAnotherChoiceLeavesWithoutEffectIsRefused) {
  const auto fixed = [](auto& o) {
    o.step_size.rule = StepSizeRule::kFixed;
    o.chain.target_acceptance = 0.9;
  };
  EXPECT_THAT(message_of(fixed, SamplerKind::kHmc),
              HasSubstr("--target-acceptance does nothing without --step-size adapted"));
  const auto linear = [](auto& o) {
    o.tempering.ladder = TemperatureLadder::kLinear;
    o.tempering.conditional_ess = 0.5;
  };
  EXPECT_THAT(message_of(linear, SamplerKind::kSmc),
              HasSubstr("--ladder-ess does nothing without"));
  EXPECT_THAT(message_of([](auto& o) { o.tempering.power = 2; }, SamplerKind::kSmc),
              HasSubstr("--ladder-power does nothing without"));
}

}  // namespace
}  // namespace ergon::testing
