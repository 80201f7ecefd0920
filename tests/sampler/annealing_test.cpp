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

TEST(SamplerAnnealing, AdaptiveStepKeepsTheShareThatWasAskedForInEverySet) {
  const auto target = named_target("many-well", 6);
  SamplerOptions options = fixed_moves(SamplerKind::kAis, 5, 80);
  options.tempering.ladder = TemperatureLadder::kAdaptive;
  options.tempering.conditional_ess = 0.7;
  const NamedTensors parameters = initial_parameters(6, 3.0);
  const auto initial = InitialDistribution::from_parameters(parameters);
  const Annealing sampler(options, parameters);
  State state = begin(sampler, *target, options, parameters, Seed(6));
  Tensor before = at::zeros({5}, at::kDouble);
  for (int step = 0; step < 3; ++step) {
    const Tensor log_ratio = state.log_density - initial.log_prob(state.particles);
    const auto next = sampler.step(*target, state, Seed(7).child("step", step).generator());
    const Tensor increment = next.info.inverse_temperature - before;
    expect_close(conditional_ess_share(state.log_weight, log_ratio, increment),
                 at::full({5}, 0.7, at::kDouble), 1e-8, "conditional share");
    expect_close(next.state.log_weight, state.log_weight + increment.unsqueeze(-1) * log_ratio,
                 kTight, "log w");
    before = next.info.inverse_temperature;
    state = next.state;
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

TEST(SamplerAnnealing, SetThatHasArrivedIsLeftAloneAndCostsNothing) {
  const auto target = named_target("many-well", 4);
  SamplerOptions options = coarse_ladder(SamplerKind::kSmc, 3, 20);
  options.chain.path_length = PathLength::kFixed;
  options.tempering.moves = 2;
  const NamedTensors parameters = initial_parameters(4, 2.0);
  const Annealing sampler(options, parameters);
  State state = begin(sampler, *target, options, parameters, Seed(10));
  ASSERT_EQ(state.memory[0].first, "inverse_temperature");
  state.memory[0].second[1] = 1.0;
  const CountingDensity counting(*target);
  const auto next = sampler.step(counting, state, Seed(11).generator());
  EXPECT_EQ(counting.counts().gradient, 2 * 20 * 2 * 4);  // sets · M · moves · leapfrog steps
  expect_same_bits(next.state.particles[1], state.particles[1], "particles");
  expect_same_bits(next.state.log_weight[1], state.log_weight[1], "log w");
  EXPECT_FALSE(at::equal(next.state.particles[0], state.particles[0]));
  EXPECT_TRUE(std::isnan(next.info.acceptance[1].item<double>()));
  EXPECT_FALSE(std::isnan(next.info.acceptance[2].item<double>()));
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

TEST(SamplerAnnealing, SingleSetWithoutALeadingDimensionAndInSinglePrecision) {
  const auto target = named_target("ring");
  SamplerOptions options = coarse_ladder(SamplerKind::kSmc, 1, 50);
  NamedTensors parameters = initial_parameters(2, 3.0);
  for (auto& entry : parameters) entry.second = entry.second.to(at::kFloat);
  const Annealing sampler(options, parameters);
  const Tensor start =
      InitialDistribution::from_parameters(parameters).sample(50, Seed(19).generator());
  State state = sampler.init(*target, start, {});
  for (int step = 0; step < 8; ++step) {
    state = sampler.step(*target, state, Seed(20).child("step", step).generator()).state;
  }
  EXPECT_TRUE(sampler.arrived(state));
  EXPECT_EQ(state.particles.sizes(), start.sizes());
  EXPECT_EQ(state.particles.scalar_type(), at::kFloat);
  EXPECT_EQ(state.log_weight.scalar_type(), at::kDouble);
  EXPECT_TRUE(state.log_weight.isfinite().all().item<bool>());
}

}  // namespace
}  // namespace ergon::testing
