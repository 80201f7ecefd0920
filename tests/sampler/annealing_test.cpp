#include "ergon/sampler/annealing.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../../src/sampler/resampling.hpp"
#include "../../src/sampler/temperature_ladder.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/density/gaussian.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"
#include "support/tempering.hpp"
#include "support/tolerance.hpp"

// Statistical tests have one fixed seed. A mean over independent sets is held to 4 of its standard
// errors: a false alarm in 15 000 for each.
namespace ergon::testing {
namespace {

constexpr double kErrors = 4.0;
const double kTight = tolerance<double>();
const double kInfinity = std::numeric_limits<double>::infinity();

// A density times e^3.
class Scaled : public LogDensity {
 public:
  explicit Scaled(const LogDensity& density) : density_(density) {}
  std::int64_t dim() const override { return density_.dim(); }
  Tensor log_density(const Tensor& x) const override { return density_.log_density(x) + 3.0; }

 private:
  const LogDensity& density_;
};

// N(0, 1) where x > 0, and zero elsewhere: Z = ½.
class HalfNormal : public LogDensity {
 public:
  std::int64_t dim() const override { return 1; }
  Tensor log_density(const Tensor& x) const override {
    const Tensor log_p = -0.5 * x.square().squeeze(-1) - 0.5 * std::log(2 * M_PI);
    return at::where(x.squeeze(-1) > 0, log_p, at::full_like(log_p, -kInfinity));
  }
};

State run(const LogDensity& target, const SamplerOptions& options, double stddev, Seed seed) {
  const NamedTensors parameters = initial_parameters(target.dim(), stddev);
  const Annealing sampler(options, parameters);
  State state = begin(sampler, target, options, parameters, seed);
  while (!sampler.arrived(state)) {
    const auto index = static_cast<std::uint64_t>(state.step);
    state = sampler.step(target, state, seed.child("step", index).generator()).state;
  }
  return state;
}

Gaussian correlated_gaussian(std::int64_t dim) {
  const Tensor root = at::eye(dim, at::kDouble) * 0.6 + 0.4 / static_cast<double>(dim);
  return {"correlated", at::linspace(-0.5, 1.0, dim, at::kDouble), at::matmul(root, root.t())};
}

SamplerOptions coarse_ladder(SamplerKind kind, std::int64_t sets, std::int64_t particles) {
  SamplerOptions options = fixed_moves(kind, sets, particles);
  options.tempering.ladder = TemperatureLadder::kLinear;
  options.steps.steps = 8;
  return options;
}

SamplerOptions adapted(SamplerKind kind, std::int64_t sets, std::int64_t particles) {
  SamplerOptions options = sampler_preset(kind);  // step size and masses
  options.sets = sets;
  options.particles = particles;
  options.chain.leapfrog_steps = 4;
  options.tempering.ladder = TemperatureLadder::kAdaptive;
  return options;
}

class SamplerAnnealingEstimates : public ::testing::TestWithParam<SamplerKind> {};
INSTANTIATE_TEST_SUITE_P(,
                         SamplerAnnealingEstimates,
                         ::testing::Values(SamplerKind::kAis, SamplerKind::kSmc),
                         [](const auto& info) { return std::string(to_name(info.param)); });

// ---- what the weights estimate -----------------------------------------------------------------

TEST_P(SamplerAnnealingEstimates, MeanWeightIsUnbiasedOverTwoHundredRuns) {
  for (const std::int64_t dim : {2, 10}) {
    const Gaussian gaussian = correlated_gaussian(dim);
    const Scaled target(gaussian);
    const State end = run(target, coarse_ladder(GetParam(), 200, 40), 1.3, Seed(1));
    const Tensor ratio = (log_mean_weight(end.log_weight) - 3.0).exp();
    EXPECT_LT(errors_off(ratio, 1.0), kErrors) << dim << " dimensions: " << ratio.mean();
    // A path that weighed wrongly would be off by far more than this can hide.
    EXPECT_LT(ratio.std().item<double>() / std::sqrt(200.0), 0.05) << dim << " dimensions";
  }
}

// Sets of 20 that adapt to their own particles on so long a ladder have E[Ẑ] = 1.1 Z for the
// Gaussian in two dimensions (7 errors off) and 1.8 to 2 Z in ten (25); the mixture does not tell.
TEST_P(SamplerAnnealingEstimates, MeanWeightIsUnbiasedWhenEverythingIsAdaptedToFewParticles) {
  const Gaussian two = correlated_gaussian(2), ten = correlated_gaussian(10);
  const GaussianMixture modes = two_modes();
  SamplerOptions options = adapted(GetParam(), 200, 20);
  options.tempering.conditional_ess = 0.995;
  for (const auto& [density, stddev] :
       {std::pair<const LogDensity*, double>{&two, 3.0}, {&modes, 6.0}, {&ten, 1.3}}) {
    const State end = run(Scaled(*density), options, stddev, Seed(30));
    const Tensor ratio = (log_mean_weight(end.log_weight) - 3.0).exp();
    EXPECT_LT(errors_off(ratio, 1.0), kErrors) << density->dim() << ": " << ratio.mean();
    EXPECT_LT(ratio.std().item<double>() / std::sqrt(200.0), 0.03) << density->dim();
  }
}

TEST_P(SamplerAnnealingEstimates, AdaptedRunsFindTheNormaliserOfManyWellsAndOfTheRing) {
  for (const auto& [name, dim] : {std::pair{"many-well", 4}, std::pair{"ring", 0}}) {
    const auto target =
        named_target(name, dim > 0 ? std::optional<std::int64_t>(dim) : std::nullopt);
    SamplerOptions options = sampler_preset(GetParam());
    options.sets = 24;
    options.particles = 500;
    options.tempering.ladder = TemperatureLadder::kAdaptive;
    options.tempering.conditional_ess = 0.95;
    const State end = run(*target, options, 2.0, Seed(2));
    const Tensor ratio = (log_mean_weight(end.log_weight) - *target->known().log_z).exp();
    EXPECT_LT(errors_off(ratio, 1.0), kErrors) << name << ratio.mean();
    EXPECT_LT(ratio.std().item<double>(), 0.4) << name;
  }
}

TEST_P(SamplerAnnealingEstimates, EveryModeHasItsWeight) {
  const GaussianMixture target = two_modes();
  SamplerOptions options = sampler_preset(GetParam());
  options.sets = 32;
  options.particles = 200;
  options.tempering.ladder = TemperatureLadder::kAdaptive;
  const State end = run(target, options, 6.0, Seed(3));
  const Tensor weight = normalised_weights(end.log_weight);
  const Tensor right = (weight * (end.particles.select(-1, 0) > 0)).sum(-1);
  EXPECT_LT(errors_off(right, 0.8), kErrors) << right.mean();
  EXPECT_LT(right.std().item<double>(), 0.15);
  const Tensor second = (weight * end.particles.select(-1, 1).square()).sum(-1);
  EXPECT_LT(errors_off(second, 1.0), kErrors) << second.mean();
}

TEST_P(SamplerAnnealingEstimates, PlacesOfDensityZeroHaveWeightZeroAndCountInTheMean) {
  const HalfNormal target;
  SamplerOptions options = coarse_ladder(GetParam(), 100, 60);
  const NamedTensors parameters = initial_parameters(1, 2.0);
  const Annealing sampler(options, parameters);
  Draws draws =
      InitialDistribution::from_parameters(parameters).sample_sets(100, 60, Seed(4).generator());
  State state;
  ASSERT_NO_THROW(state = sampler.init(target, draws.particles.abs(), {}));  // as many as it takes
  // Half the draws of q⁰ are where the density is zero: more than init allows in one run out of
  // two.
  state.particles = draws.particles;
  state.log_density = target.log_density(draws.particles);
  state.score = at::where(draws.particles > 0, -draws.particles, at::zeros_like(draws.particles));
  while (!sampler.arrived(state)) {
    const auto index = static_cast<std::uint64_t>(state.step);
    state = sampler.step(target, state, Seed(5).child("step", index).generator()).state;
  }
  EXPECT_FALSE(state.log_weight.isnan().any().item<bool>());
  const Tensor ratio = log_mean_weight(state.log_weight).exp() / 0.5;
  EXPECT_LT(errors_off(ratio, 1.0), kErrors) << ratio.mean();
}

// ---- single steps ------------------------------------------------------------------------------

TEST(SamplerAnnealing, AdaptiveStepKeepsTheShareThatWasAskedForInThePilot) {
  const auto target = named_target("many-well", 6);
  SamplerOptions options = fixed_moves(SamplerKind::kAis, 5, 80);
  options.tempering.ladder = TemperatureLadder::kAdaptive;
  options.tempering.conditional_ess = 0.7;
  const NamedTensors parameters = initial_parameters(6, 3.0);
  const auto initial = InitialDistribution::from_parameters(parameters);
  const Annealing sampler(options, parameters);
  State state = begin(sampler, *target, options, parameters, Seed(6));
  state = sampler.step(*target, state, Seed(7).generator()).state;  // the pilot is drawn
  for (int step = 1; step < 4; ++step) {
    const auto in_pilot = [&](const char* name) {
      return find_tensor(state.memory, name, "state");
    };
    const Tensor before = in_pilot("inverse_temperature");
    const auto next = sampler.step(*target, state, Seed(7).child("step", step).generator());
    const Tensor increment = next.info.inverse_temperature[0] - before;
    const Tensor of_pilot =
        in_pilot("pilot.log_density") - initial.log_prob(in_pilot("pilot.particles"));
    expect_close(conditional_ess_share(in_pilot("pilot.log_weight"), of_pilot, increment),
                 at::scalar_tensor(0.7, at::kDouble), 1e-8, "conditional share");
    const Tensor log_ratio = state.log_density - initial.log_prob(state.particles);
    expect_close(next.state.log_weight, state.log_weight + increment * log_ratio, kTight, "log w");
    state = next.state;
  }
}

TEST(SamplerAnnealing, AllSetsFollowOneScheduleThatTheirParticlesHaveNoPartIn) {
  const auto target = named_target("many-well", 4);
  const SamplerOptions options = adapted(SamplerKind::kSmc, 3, 30);
  const NamedTensors parameters = initial_parameters(4, 2.0);
  const Annealing sampler(options, parameters);
  State a = begin(sampler, *target, options, parameters, Seed(21));
  State b = sampler.init(*target, 1.5 * a.particles, {});
  for (int step = 0; step < 5; ++step) {
    const auto stream = Seed(22).child("step", step);
    const auto next = sampler.step(*target, a, stream.generator());
    a = next.state;
    b = sampler.step(*target, b, stream.generator()).state;
    for (const Tensor& of_sets : {next.info.inverse_temperature, next.info.step_size}) {
      expect_same_bits(of_sets, of_sets[0].expand({3}).clone(), "the schedule");
    }
    EXPECT_EQ(find_tensor(a.memory, "inverse_mass", "state").dim(), 1);
    ASSERT_EQ(a.memory.size(), b.memory.size());
    for (std::size_t i = 0; i < a.memory.size(); ++i) {
      expect_same_bits(b.memory[i].second, a.memory[i].second, a.memory[i].first);
    }
  }
  EXPECT_FALSE(at::equal(a.particles, b.particles));
}

TEST(SamplerAnnealing, MemoryKeepsItsNamesAndShapesAndHasNoPilotWhereNothingIsAdapted) {
  const auto target = named_target("many-well", 4);
  const NamedTensors parameters = initial_parameters(4, 2.0);
  for (const bool adapts : {true, false}) {
    const auto kind = SamplerKind::kAis;
    const SamplerOptions options = adapts ? adapted(kind, 2, 10) : coarse_ladder(kind, 2, 10);
    const Annealing sampler(options, parameters);
    const State before = begin(sampler, *target, options, parameters, Seed(23));
    EXPECT_EQ(before.memory.size(), adapts ? 7U : 3U);
    const State after = sampler.step(*target, before, Seed(24).generator()).state;
    ASSERT_EQ(after.memory.size(), before.memory.size());
    for (std::size_t i = 0; i < after.memory.size(); ++i) {
      EXPECT_EQ(after.memory[i].first, before.memory[i].first);
      EXPECT_EQ(after.memory[i].second.sizes(), before.memory[i].second.sizes());
      EXPECT_EQ(after.memory[i].second.scalar_type(), before.memory[i].second.scalar_type());
    }
  }
}

TEST(SamplerAnnealing, ResamplingLeavesTheEstimateOfTheNormaliserAndEvensTheWeights) {
  const auto target = named_target("many-well", 4);
  SamplerOptions options = coarse_ladder(SamplerKind::kSmc, 6, 50);
  options.tempering.resample_below = 1.0;
  const NamedTensors parameters = initial_parameters(4, 2.0);
  const Annealing resampling(options, parameters);
  const State state = begin(resampling, *target, options, parameters, Seed(8));
  const State evened = resampling.step(*target, state, Seed(9).generator()).state;
  const Annealing keeping(coarse_ladder(SamplerKind::kAis, 6, 50), parameters);
  const auto kept = keeping.step(*target, state, Seed(9).generator());
  expect_close(log_mean_weight(evened.log_weight), log_mean_weight(kept.state.log_weight), kTight,
               "log Z");
  expect_close(evened.log_weight, evened.log_weight.narrow(-1, 0, 1).expand({6, 50}).clone(),
               kTight, "weights");
  expect_close(kept.info.ess_share, effective_share(kept.state.log_weight), kTight, "ESS");
}

TEST(SamplerAnnealing, CountsEvaluationsAsDocumentedAndNoneOnceArrived) {
  const auto target = named_target("many-well", 4);
  const NamedTensors parameters = initial_parameters(4, 2.0);
  for (const bool adapts : {false, true}) {
    SamplerOptions options = coarse_ladder(SamplerKind::kSmc, 3, 20);
    options.chain.path_length = PathLength::kFixed;
    options.tempering.moves = 2;
    if (adapts) options.chain.mass = MassMatrix::kDiagonal;
    const Annealing sampler(options, parameters);
    State state = begin(sampler, *target, options, parameters, Seed(10));
    const CountingDensity counting(*target);
    state = sampler.step(counting, state, Seed(11).generator()).state;
    const int first = adapts ? 20 : 0;               // the pilot's start
    const int step = (adapts ? 4 : 3) * 20 * 2 * 4;  // sets · M · moves · leapfrog steps
    EXPECT_EQ(counting.counts().gradient, first + step);
    state = sampler.step(counting, state, Seed(12).generator()).state;
    EXPECT_EQ(counting.counts().gradient, first + 2 * step);
    state.memory[0].second = at::ones({}, at::kDouble);
    const State rest = sampler.step(counting, state, Seed(13).generator()).state;
    EXPECT_EQ(counting.counts().gradient, first + 2 * step);
    expect_same_bits(rest.particles, state.particles.clone(), "particles");
    EXPECT_EQ(rest.step, 3);
  }
}

TEST(SamplerAnnealing, StepOfOneSetDoesNotReadTheOthers) {
  const auto target = named_target("many-well", 4);
  SamplerOptions options = sampler_preset(SamplerKind::kSmc);  // everything adapted
  options.sets = 3;
  options.particles = 30;
  const NamedTensors parameters = initial_parameters(4, 2.0);
  const Annealing sampler(options, parameters);
  const State state = begin(sampler, *target, options, parameters, Seed(12));
  Tensor others = state.particles.clone();
  others.narrow(0, 1, 2).mul_(1.5);
  State a = state;
  State b = sampler.init(*target, others, {});
  for (int step = 0; step < 4; ++step) {
    a = sampler.step(*target, a, Seed(13).child("step", step).generator()).state;
    b = sampler.step(*target, b, Seed(13).child("step", step).generator()).state;
  }
  expect_same_bits(b.particles[0], a.particles[0], "particles");
  expect_same_bits(b.log_weight[0], a.log_weight[0], "log w");
  EXPECT_FALSE(at::equal(b.particles[1], a.particles[1]));
}

TEST(SamplerAnnealing, KeepsLogDensityAndScoreOfItsParticlesThroughResampling) {
  const auto target = named_target("many-well", 4);
  SamplerOptions options = coarse_ladder(SamplerKind::kSmc, 2, 30);
  options.tempering.resample_below = 1.0;
  const State end = run(*target, options, 2.0, Seed(14));
  const auto [log_density, score] = target->log_density_and_score(end.particles);
  expect_close(end.log_density, log_density, kTight, "log p̄");
  expect_close(end.score, score, kTight, "score");
}

TEST(SamplerAnnealing, AdaptedStepSizeFindsTheAcceptanceFromAHundredthOfItsSize) {
  const Gaussian target("thin", at::zeros({10}, at::kDouble),
                        at::logspace(-3, 1, 10, 10.0, at::kDouble));
  SamplerOptions options = sampler_preset(SamplerKind::kSmc);
  options.sets = 4;
  options.particles = 100;
  options.step_size.value = 0.005;
  options.tempering.ladder = TemperatureLadder::kPower;
  options.steps.steps = 60;
  const NamedTensors parameters = initial_parameters(10, 2.0);
  const Annealing sampler(options, parameters);
  State state = begin(sampler, target, options, parameters, Seed(15));
  double acceptance = 0;
  while (!sampler.arrived(state)) {
    const auto index = static_cast<std::uint64_t>(state.step);
    auto next = sampler.step(target, state, Seed(16).child("step", index).generator());
    state = next.state;
    if (state.step > 40) acceptance += next.info.acceptance.mean().item<double>() / 20;
  }
  EXPECT_NEAR(acceptance, options.chain.target_acceptance, 0.05);
}

TEST(SamplerAnnealing, SetWithoutAnyWeightIsANumericalFailureThatSaysWhatToDo) {
  const auto target = named_target("many-well", 2);
  const SamplerOptions options = coarse_ladder(SamplerKind::kAis, 2, 10);
  const NamedTensors parameters = initial_parameters(2, 2.0);
  const Annealing sampler(options, parameters);
  State state = begin(sampler, *target, options, parameters, Seed(17));
  state.log_density = state.log_density.clone();
  state.log_density[1].fill_(-kInfinity);
  try {
    sampler.step(*target, state, Seed(18).generator());
    FAIL() << "a set without weight went on";
  } catch (const NumericalFailure& failure) {
    EXPECT_NE(std::string(failure.what()).find("--particles"), std::string::npos) << failure.what();
  }
}

TEST(SamplerAnnealing, PilotThatFoundNoDensityDoesNotStopTheSets) {
  // All draws of q⁰ = N(-8, ½²) are where the density is zero; the sets start elsewhere.
  const HalfNormal target;
  const SamplerOptions options = adapted(SamplerKind::kAis, 50, 2);
  NamedTensors parameters = initial_parameters(1, 0.5);
  parameters[0].second.fill_(-8.0);
  const Annealing sampler(options, parameters);
  const Tensor start = at::linspace(0.5, 2.0, 100, at::kDouble).view({50, 2, 1});
  const auto next = sampler.step(target, sampler.init(target, start, {}), Seed(25).generator());
  EXPECT_TRUE(next.state.log_weight.isfinite().all().item<bool>());
  for (const auto& entry : next.state.memory) {
    EXPECT_FALSE(entry.second.isnan().any().item<bool>()) << entry.first;
  }
}

TEST(SamplerAnnealing, SingleSetWithoutALeadingDimensionAndInSinglePrecision) {
  const auto target = named_target("ring");
  NamedTensors parameters = initial_parameters(2, 3.0);
  for (auto& entry : parameters) entry.second = entry.second.to(at::kFloat);
  const Tensor start =
      InitialDistribution::from_parameters(parameters).sample(50, Seed(19).generator());
  for (const bool adapts : {false, true}) {
    const auto kind = SamplerKind::kSmc;
    const Annealing sampler(adapts ? adapted(kind, 1, 50) : coarse_ladder(kind, 1, 50), parameters);
    State state = sampler.init(*target, start, {});
    for (int step = 0; step < 60 && !sampler.arrived(state); ++step) {
      state = sampler.step(*target, state, Seed(20).child("step", step).generator()).state;
    }
    EXPECT_TRUE(sampler.arrived(state));
    EXPECT_EQ(state.particles.sizes(), start.sizes());
    EXPECT_EQ(state.particles.scalar_type(), at::kFloat);
    EXPECT_EQ(state.log_weight.scalar_type(), at::kDouble);
    EXPECT_TRUE(state.log_weight.isfinite().all().item<bool>());
  }
}

}  // namespace
}  // namespace ergon::testing
