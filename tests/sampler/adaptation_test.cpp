#include "../../src/sampler/adaptation.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/sampler/moves.hpp"
#include "sampler/chain_runs.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

TEST(SamplerAdaptation, DualAveragingIsThePublishedRecursionFromAReasonableStep) {
  const std::vector<double> acceptance = {0.2, 0.9, 1.0, 0.6};
  DualAveraging averaging = DualAveraging::from(at::full({1}, 0.3, at::kDouble));
  double error = 0, log_average = std::log(0.3);
  for (std::size_t i = 0; i < acceptance.size(); ++i) {
    const auto t = static_cast<double>(i + 1);
    averaging.update(at::full({1}, acceptance[i], at::kDouble), 0.8);
    error = (1 - 1 / (t + 10)) * error + (0.8 - acceptance[i]) / (t + 10);
    const double log_step = std::log(0.3) - std::sqrt(t) / 0.2 * error;
    log_average = std::pow(t, -0.75) * log_step + (1 - std::pow(t, -0.75)) * log_average;
    EXPECT_NEAR(averaging.log_step.item<double>(), log_step, 1e-12);
    EXPECT_NEAR(averaging.log_average.item<double>(), log_average, 1e-12);
  }
  const DualAveraging again = DualAveraging::unpack(averaging.pack());
  EXPECT_TRUE(again.centre.equal(averaging.centre));
  EXPECT_TRUE(again.error.equal(averaging.error));
  EXPECT_TRUE(again.count.equal(averaging.count));
}

TEST(SamplerAdaptation, EveryEntryFindsTheStepOfItsOwnAcceptance) {
  // Acceptance exp(-ε/scale): 0.8 at ε = scale log 1.25.
  const Tensor scale = at::tensor({0.01, 1.0, 50.0}, at::kDouble);
  DualAveraging averaging = DualAveraging::from(at::ones({3}, at::kDouble));
  for (int i = 0; i < 2000; ++i) averaging.update((-averaging.log_step.exp() / scale).exp(), 0.8);
  expect_close(averaging.log_average.exp(), scale * std::log(1.25), 0.05, "step");
  averaging.continue_from_average();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor before = averaging.log_step;
  averaging.update(at::full({3}, nan, at::kDouble), 0.8);
  EXPECT_TRUE((averaging.log_step < before).all().item<bool>());
}

TEST(SamplerAdaptation, PooledMomentsAreThoseOfAllPointsTogether) {
  const Tensor points = 3 + 2 * at::randn({2, 30, 4}, Seed(1).generator(), at::kDouble);
  PooledMoments moments{0, at::zeros({2, 4}, at::kDouble), at::zeros({2, 4}, at::kDouble)};
  moments.add(points.narrow(1, 0, 5));
  moments.add(points.narrow(1, 5, 25));
  EXPECT_EQ(moments.count, 30);
  expect_close(moments.mean, points.mean(1), tolerance<double>(), "mean");
  expect_close(moments.squares / 29, points.var(1), tolerance<double>(), "variance");
  const Tensor previous = at::full({2, 4}, 7.0, at::kDouble);
  const Tensor shrunk = points.var(1).pow(30.0 / 35) * previous.pow(5.0 / 35);
  expect_close(moments.variance(previous), shrunk, tolerance<double>(), "shrunk variance");
  moments.squares.zero_();
  EXPECT_TRUE(moments.variance(previous).equal(previous));
}

TEST(SamplerAdaptation, TheFirstStepSizeIsReasonableForEverySetAndCostsAGradientATrial) {
  // Three sets of one density, at scales that a mass of their own takes out again.
  const Gaussian target = standard_normal(2);
  const CountingDensity counting(target);
  const State state = evaluate(target, at::randn({3, 400, 2}, Seed(2).generator(), at::kDouble));
  const Tensor inverse_mass = at::tensor({1.0, 1e-4, 1e4}, at::kDouble).unsqueeze(1).expand({3, 2});
  Generator generator = Seed(3).generator();
  const Tensor start = at::ones({3}, at::kDouble);
  const Tensor found = reasonable_step_size(counting, state, inverse_mass, start, generator);
  // One leapfrog step of the normal in the plane is accepted with 0.8 at ε near 1.2.
  const Tensor scaled = found * inverse_mass.select(1, 0).sqrt();
  EXPECT_GE(scaled.min().item<double>(), 0.6);
  EXPECT_LE(scaled.max().item<double>(), 2.4);
  const Tensor trials = (found / start).log2().abs().round() + 1;
  // The trial that ends a search of n factors is the n-th when shrinking as when growing.
  EXPECT_EQ(counting.counts().gradient, 400 * trials.sum().item<std::int64_t>());
}

// In 100 dimensions acceptance falls smoothly with ε, well below the limit of stability at which a
// Gaussian of few dimensions is suddenly rejected.
TEST(SamplerAdaptation, AcceptanceArrivesAtItsTarget) {
  const Gaussian target("gaussian", at::zeros({100}, at::kDouble),
                        at::linspace(0.5, 4, 100, at::kDouble));
  const Tensor start = at::randn({16, 100}, Seed(4).generator(), at::kDouble);
  for (const double wanted : {0.6, 0.8}) {
    SamplerOptions options = sampler_preset(SamplerKind::kHmc);
    options.chain.target_acceptance = wanted;
    EXPECT_NEAR(warm_and_run(Hmc(options), target, start, 300, 200).acceptance, wanted, 0.05);
    options = sampler_preset(SamplerKind::kNuts);
    options.chain.target_acceptance = wanted;
    EXPECT_NEAR(warm_and_run(Nuts(options), target, start, 100, 50).acceptance, wanted, 0.05);
  }
  const SamplerOptions options = sampler_preset(SamplerKind::kMala);
  EXPECT_NEAR(warm_and_run(Mala(options), target, start, 400, 200).acceptance, 0.574, 0.05);
}

TEST(SamplerAdaptation, TheMassLearnsVariancesEightOrdersApart) {
  const Tensor variance = at::logspace(-4, 4, 9, 10.0, at::kDouble);
  const Gaussian target("gaussian", at::zeros({9}, at::kDouble), variance);
  const Nuts sampler(sampler_preset(SamplerKind::kNuts));
  const Tensor start = at::randn({32, 9}, Seed(5).generator(), at::kDouble);
  const State state = sampler.init(target, start, Tensor());
  State end = run_chains(sampler, target, state, 200, Seed(6)).state;
  expect_close((remembered(end, "tuning.inverse_mass") / variance).log(),
               at::zeros({9}, at::kDouble), std::log(1.2), "log ratio");
}

TEST(SamplerAdaptation, MemoryKeepsNamesAndShapesAndRestsOnceTheWarmUpIsOver) {
  const auto targets = oracles();
  const Nuts sampler(sampler_preset(SamplerKind::kNuts));
  const Tensor start = at::randn({3, 8, 2}, Seed(7).generator(), at::kFloat);
  State state = sampler.init(*targets[0], start, Tensor());
  const NamedTensors first = state.memory;
  for (std::uint64_t step = 0; step < 50; ++step) {
    state = sampler.step(*targets[0], state, Seed(8).child("step", step).generator()).state;
    ASSERT_EQ(state.memory.size(), first.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(state.memory[i].first, first[i].first);
      EXPECT_EQ(state.memory[i].second.sizes(), first[i].second.sizes());
      EXPECT_EQ(state.memory[i].second.scalar_type(), first[i].second.scalar_type());
    }
  }
  EXPECT_FALSE(remembered(state, "tuning.inverse_mass").allclose(at::ones({3, 2}, at::kDouble)));
  EXPECT_FALSE(remembered(state, "tuning.step_size")[0].equal(
      remembered(state, "tuning.step_size")[1]));  // sets learn for themselves
  const Tensor average = remembered(state, "tuning.step_size").select(-1, 1).exp();
  state = sampler.end_warmup(state);
  const NamedTensors rested = state.memory;
  for (std::uint64_t step = 50; step < 53; ++step) {
    const Transition next =
        sampler.step(*targets[0], state, Seed(8).child("step", step).generator());
    EXPECT_TRUE(next.info.step_size.equal(average.to(at::kFloat)));
    state = next.state;
  }
  for (std::size_t i = 0; i < rested.size(); ++i) {
    expect_same_bits(state.memory[i].second.clone(), rested[i].second, rested[i].first);
  }
}

TEST(SamplerAdaptation, AFixedStepSizeStaysWhileTheMassIsLearned) {
  const Gaussian target("gaussian", at::zeros({2}, at::kDouble),
                        at::tensor({1.0, 9.0}, at::kDouble));
  SamplerOptions options = fixed_options(SamplerKind::kHmc, 0.3);
  options.chain.mass = MassMatrix::kDiagonal;
  const Hmc sampler(options);
  const CountingDensity counting(target);
  State state =
      sampler.init(counting, at::randn({64, 2}, Seed(9).generator(), at::kDouble), Tensor());
  for (std::uint64_t step = 0; step < 100; ++step) {
    const Transition next = sampler.step(target, state, Seed(10).child("step", step).generator());
    EXPECT_DOUBLE_EQ(next.info.step_size.item<double>(), 0.3);
    state = next.state;
  }
  expect_close(remembered(state, "tuning.inverse_mass"), at::tensor({1.0, 9.0}, at::kDouble), 0.2,
               "mass");
}

}  // namespace
}  // namespace ergon::testing
