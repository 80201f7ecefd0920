#include "ergon/sampler/parameters.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ergon/stein/bandwidth.hpp"
#include "support/compare.hpp"
#include "support/random_step.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

State state_of(const Tensor& particles, std::int64_t step) {
  State state;
  state.particles = particles;
  state.step = step;
  return state;
}

TEST(SamplerParameters, LearnedRulesAndNetworksStartAtTheirValue) {
  const auto step = random_step(2, 6, 3, 31);
  for (const auto rule : {BandwidthRule::kFixed, BandwidthRule::kLearned,
                          BandwidthRule::kLearnedPerStep, BandwidthRule::kNetwork}) {
    SamplerOptions options = sampler_preset(SamplerKind::kMetSvgd);
    options.bandwidth.rule = rule;
    options.bandwidth.value = 0.7;
    const auto parameters = starting_parameters(options, 3, Seed(1));
    expect_close(bandwidth_at(options.bandwidth, parameters, state_of(step.particles, 5)),
                 at::full({2}, 0.7, at::kDouble), kTight, std::string(to_name(rule)));
  }
}

TEST(SamplerParameters, StepSizeRulesStartAtTheirValueAndFollowTheSchedule) {
  const auto step = random_step(2, 6, 3, 32);
  const Tensor bound = at::tensor({2.0, 4.0}, at::kDouble);
  SamplerOptions options = sampler_preset(SamplerKind::kMetSvgd);
  options.step_size.value = 0.25;
  options.steps.steps = 10;
  for (const auto& entry : EnumNames<StepSizeRule>::all()) {
    if (entry.value == StepSizeRule::kAdapted) continue;  // no rule of the Stein samplers
    options.step_size.rule = entry.value;
    options.step_size.values.clear();
    if (entry.value == StepSizeRule::kPerStep) options.step_size.values = {0.5, 0.25};
    const auto parameters = starting_parameters(options, 3, Seed(1));
    const bool share = entry.value == StepSizeRule::kBoundFraction ||
                       entry.value == StepSizeRule::kLearnedBoundFraction;
    const Tensor expected = share ? 0.25 * bound : at::full({2}, 0.25, at::kDouble);
    expect_close(step_size_at(options, parameters, state_of(step.particles, 7), bound), expected,
                 kTight, std::string(entry.name));
  }
  options.step_size.rule = StepSizeRule::kFixed;
  options.step_size.schedule = StepSizeSchedule::kPower;
  options.step_size.decay = 2;
  expect_close(step_size_at(options, {}, state_of(step.particles, 4), bound),
               at::full({2}, 0.01, at::kDouble), kTight, "power");
}

TEST(SamplerParameters, SchedulesHaveTheirStatedValues) {
  StepSizeOptions options;
  options.decay = 0.01;
  options.schedule = StepSizeSchedule::kConstant;
  EXPECT_EQ(schedule_factor(options, 57, 100), 1.0);
  options.schedule = StepSizeSchedule::kExponential;
  EXPECT_DOUBLE_EQ(schedule_factor(options, 50, 100), 0.1);
  options.schedule = StepSizeSchedule::kCosine;
  EXPECT_DOUBLE_EQ(schedule_factor(options, 0, 100), 1.0);
  EXPECT_NEAR(schedule_factor(options, 50, 100), 0.5, 1e-12);
  options.schedule = StepSizeSchedule::kSwitchOff;
  options.switch_off = 0.5;
  EXPECT_GT(schedule_factor(options, 25, 100), 0.8);
  EXPECT_LT(schedule_factor(options, 75, 100), 2e-6);
  for (int step = 0; step < 100; ++step) EXPECT_LE(schedule_factor(options, step, 100), 1.0);
}

TEST(SamplerParameters, BandwidthIsClampedToItsInterval) {
  const auto step = random_step(0, 6, 3, 33);
  BandwidthOptions options;
  options.minimum = 0.5;
  options.maximum = 0.6;
  options.rule = BandwidthRule::kFixed;
  options.value = 3;
  EXPECT_EQ(bandwidth_at(options, {}, state_of(step.particles, 0)).item<double>(), 0.6);
  options.value = 0.01;
  EXPECT_EQ(bandwidth_at(options, {}, state_of(step.particles, 0)).item<double>(), 0.5);
}

TEST(SamplerParameters, NetworkSeesTheMeanOfTheParticlesOfItsSet) {
  SamplerOptions options = sampler_preset(SamplerKind::kMetSvgd);
  options.bandwidth.rule = BandwidthRule::kNetwork;
  options.bandwidth.hidden = 2;
  NamedTensors parameters = starting_parameters(options, 1, Seed(1));
  for (auto& [name, tensor] : parameters) {
    if (name.rfind("bandwidth.network.weight", 0) == 0) tensor.fill_(0.5);
  }
  // mean 2 -> relu(1) twice over two units: 0.5·1 + 0.5·1 = 1 each -> last layer 0.5 + 0.5 = 1 -> σ
  // = value · e
  State state = state_of(at::tensor({1.0, 3.0, 77.0}, at::kDouble).view({3, 1}), 0);
  state.alive = at::tensor({1, 1, 0}, at::kInt).to(at::kBool);  // a dropped particle does not count
  const double found = bandwidth_at(options.bandwidth, parameters, state).item<double>();
  EXPECT_NEAR(found, options.bandwidth.value * std::exp(1.0), 1e-12);
}

TEST(SamplerParameters, LearnedNamesFollowTheOptions) {
  SamplerOptions options = sampler_preset(SamplerKind::kMetSvgd);
  EXPECT_THAT(learned_names(options),
              ::testing::ElementsAre("initial.mean", "initial.log_stddev", "bandwidth.log_value",
                                     "step_size.log_value"));
  options.initial.fitting = InitialFitting::kFixed;
  options.bandwidth.rule = BandwidthRule::kMedian;
  EXPECT_THAT(learned_names(options), ::testing::ElementsAre("step_size.log_value"));
}

TEST(SamplerParameters, AreCheckedForNamesShapesAndNumbers) {
  SamplerOptions options = sampler_preset(SamplerKind::kMetSvgd);
  NamedTensors parameters = starting_parameters(options, 2, Seed(1));
  EXPECT_EQ(check_parameters(options, 2, parameters, "fit.npz").size(), parameters.size());
  EXPECT_THROW(check_parameters(options, 3, parameters, "fit.npz"), InvalidInput);
  parameters[0].second = at::full({1, 2}, NAN, at::kDouble);
  EXPECT_THROW(check_parameters(options, 2, parameters, "fit.npz"), InvalidInput);
  parameters.erase(parameters.begin());
  try {
    check_parameters(options, 2, parameters, "fit.npz");
    FAIL() << "a missing parameter was accepted";
  } catch (const InvalidInput& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("fit.npz"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("initial.mean"));
  }
}

}  // namespace
}  // namespace ergon::testing
