#include "ergon/sampler/parallel_tempering.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

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

SamplerOptions adapted(std::int64_t sets, std::int64_t chains, std::int64_t replicas) {
  SamplerOptions options = sampler_preset(SamplerKind::kParallelTempering);
  options.sets = sets;
  options.particles = chains;
  options.tempering.replicas = replicas;
  options.chain.leapfrog_steps = 5;
  return options;
}

// A run that can be looked at between its steps.
struct Stepped {
  const LogDensity& target;
  ParallelTempering sampler;
  Seed seed;
  State state;
  Info info;

  Stepped(const LogDensity& density, const SamplerOptions& options, double stddev, Seed start)
      : target(density),
        sampler(options, initial_parameters(density.dim(), stddev)),
        seed(start),
        state(begin(sampler, density, options, initial_parameters(density.dim(), stddev), start)) {}

  void step() {
    const auto index = static_cast<std::uint64_t>(state.step);
    auto next = sampler.step(target, state, seed.child("step", index).generator());
    state = next.state;
    info = next.info;
  }
  void warm_up(int steps) {
    for (int i = 0; i < steps; ++i) step();
    state = sampler.end_warmup(state);
  }
};

const Tensor& remembered(const State& state, const char* name) {
  return find_tensor(state.memory, name, "a test");
}

TEST(SamplerParallelTempering, EveryModeHasItsShareAndTheNormaliserIsFound) {
  const GaussianMixture target = two_modes();
  Stepped run(target, adapted(24, 4, 5), 6.0, Seed(1));
  run.warm_up(140);
  Tensor right = at::zeros({24}, at::kDouble);
  Tensor second = at::zeros({24}, at::kDouble);
  constexpr int kSteps = 300;
  for (int step = 0; step < kSteps; ++step) {
    run.step();
    right += (run.state.particles.select(-1, 0) > 0).to(at::kDouble).mean(-1) / kSteps;
    second += run.state.particles.select(-1, 1).square().mean(-1) / kSteps;
  }
  EXPECT_LT(errors_off(right, 0.8), kErrors) << right.mean();
  EXPECT_LT(right.std().item<double>(), 0.1);
  EXPECT_LT(errors_off(second, 1.0), kErrors) << second.mean();
  const Tensor ratio = stepping_stone_log_z(run.state).exp();
  EXPECT_LT(errors_off(ratio, 1.0), kErrors) << ratio.mean();
  EXPECT_LT(ratio.std().item<double>(), 0.2);
}

TEST(SamplerParallelTempering, SteppingStonesFindTheNormaliserOfManyWellsAndOfTheRing) {
  for (const auto& [name, dim] : {std::pair{"many-well", 4}, std::pair{"ring", 0}}) {
    const auto target =
        named_target(name, dim > 0 ? std::optional<std::int64_t>(dim) : std::nullopt);
    Stepped run(*target, adapted(16, 4, 5), 2.0, Seed(2));
    run.warm_up(140);
    for (int step = 0; step < 300; ++step) run.step();
    const Tensor log_z = stepping_stone_log_z(run.state) - *target->known().log_z;
    // The logarithm of a mean of r = exp(log_z) is low by Var(r)/2 on average: compare r.
    EXPECT_LT(errors_off(log_z.exp(), 1.0), kErrors) << name << " " << log_z.exp().mean();
    EXPECT_LT(log_z.std().item<double>(), 0.2) << name;
  }
}

TEST(SamplerParallelTempering, ExactDrawsStayExact) {
  // With two replicas and exact particles every marginal is exact from the first step on: the
  // reference is drawn afresh and replica 1 starts at p. Moves are coarse on purpose.
  const Gaussian target("narrow", at::tensor({1.0, -0.5}, at::kDouble),
                        at::tensor({0.25, 1.0}, at::kDouble));
  SamplerOptions options = fixed_moves(SamplerKind::kParallelTempering, 1, 20000);
  options.tempering.replicas = 2;
  options.step_size.value = 0.8;
  options.chain.leapfrog_steps = 1;
  const ParallelTempering sampler(options, initial_parameters(2, 1.5));
  const Tensor exact = target.sample(20000, Seed(3).generator())->unsqueeze(0);
  State state = sampler.end_warmup(sampler.init(target, exact, {}));
  for (int step = 0; step < 10; ++step) {
    state = sampler.step(target, state, Seed(4).child("step", step).generator()).state;
  }
  const Tensor standard = (state.particles[0] - at::tensor({1.0, -0.5}, at::kDouble)) /
                          at::tensor({0.5, 1.0}, at::kDouble);
  for (std::int64_t d = 0; d < 2; ++d) {
    EXPECT_LT(errors_off(standard.select(1, d), 0.0), kErrors);
    EXPECT_LT(errors_off(standard.select(1, d).square(), 1.0), kErrors);
    EXPECT_LT(errors_off(standard.select(1, d).pow(4), 3.0), kErrors);
  }
  EXPECT_LT(errors_off(standard.prod(1), 0.0), kErrors);
}

TEST(SamplerParallelTempering, SwapsWithTheReferenceAreAcceptedAsOftenAsIndependentProposals) {
  const Gaussian target("narrow", at::tensor({1.0}, at::kDouble), at::tensor({0.25}, at::kDouble));
  SamplerOptions options = fixed_moves(SamplerKind::kParallelTempering, 1, 20000);
  options.tempering.replicas = 2;
  const NamedTensors parameters = initial_parameters(1, 1.5);
  const auto initial = InitialDistribution::from_parameters(parameters);
  const ParallelTempering sampler(options, parameters);
  const auto log_ratio = [&](const Tensor& x) {
    return target.log_density(x) - initial.log_prob(x);
  };
  const Tensor exact = *target.sample(20000, Seed(5).generator());
  const State state = sampler.init(target, exact.unsqueeze(0), {});
  const auto even = sampler.step(target, state, Seed(6).generator());
  const Tensor proposals = initial.sample(20000, Seed(7).generator());
  const Tensor expected = (log_ratio(proposals) - log_ratio(exact)).clamp_max(0.0).exp();
  const double error = expected.std().item<double>() * std::sqrt(2.0 / 20000);  // of two such means
  EXPECT_LT(std::abs(even.info.swap_acceptance.item<double>() - expected.mean().item<double>()),
            kErrors * error);
  const auto odd = sampler.step(target, even.state, Seed(8).generator());
  EXPECT_TRUE(std::isnan(odd.info.swap_acceptance.item<double>()));
}

TEST(SamplerParallelTempering, ReplicasKeepTheirOwnNumbersThroughSwaps) {
  const auto target = named_target("many-well", 4);
  Stepped run(*target, adapted(2, 6, 5), 2.0, Seed(9));
  for (int step = 0; step < 7; ++step) {
    const Tensor before = remembered(run.state, "replicas.particles").clone();
    run.step();
    const Tensor& points = remembered(run.state, "replicas.particles");
    EXPECT_FALSE(at::equal(points, before));
    const auto hot = target->log_density_and_score(points);
    expect_close(remembered(run.state, "replicas.log_density"), hot.log_density, kTight, "log p̄");
    expect_close(remembered(run.state, "replicas.score"), hot.score, kTight, "scores");
    const auto cold = target->log_density_and_score(run.state.particles);
    expect_close(run.state.log_density, cold.log_density, kTight, "log p̄ of the coldest");
    expect_close(run.state.score, cold.score, kTight, "scores of the coldest");
  }
}

TEST(SamplerParallelTempering, WarmUpMakesNeighboursRejectEquallyOften) {
  // Three replicas have one pair for even and one for odd steps, which tells the two rates apart.
  const Gaussian target("narrow", at::zeros({1}, at::kDouble), at::full({1}, 0.0009, at::kDouble));
  Stepped run(target, adapted(2, 50, 3), 2.0, Seed(10));
  const Tensor start = temperature_ladder(run.state).clone();
  const auto rates = [&] {
    Tensor sum = at::zeros({2}, at::kDouble);
    for (int step = 0; step < 200; ++step) {
      run.step();
      sum[step % 2] += run.info.swap_acceptance.mean().item<double>() / 100;
    }
    return sum;
  };
  run.warm_up(300);
  const Tensor after = rates();
  EXPECT_NEAR(after[0].item<double>(), after[1].item<double>(), 0.05) << after;
  EXPECT_GT(after[0].item<double>(), 0.05);
  EXPECT_FALSE(at::equal(temperature_ladder(run.state), start));
  Stepped unadapted(target, adapted(2, 50, 3), 2.0, Seed(10));
  Tensor first = at::zeros({2}, at::kDouble);
  for (int step = 0; step < 20; ++step) {  // the first round, on the starting ladder
    unadapted.step();
    first[step % 2] += unadapted.info.swap_acceptance.mean().item<double>() / 10;
  }
  EXPECT_GT(std::abs((first[0] - first[1]).item<double>()), 0.1)
      << "the ladder had nothing to learn";
}

TEST(SamplerParallelTempering, WarmUpFindsTheAcceptanceAndTheVariancesAndThenHoldsThem) {
  const Gaussian target("thin", at::zeros({5}, at::kDouble),
                        at::logspace(-3, 1, 5, 10.0, at::kDouble));
  SamplerOptions options = adapted(3, 16, 4);
  options.step_size.value = 0.01;
  Stepped run(target, options, 2.0, Seed(11));
  run.warm_up(300);
  const Tensor variance = remembered(run.state, "inverse_mass").select(-2, 2);
  const Tensor error = (variance / at::logspace(-3, 1, 5, 10.0, at::kDouble)).log().abs();
  EXPECT_LT(error.max().item<double>(), std::log(1.4));
  const NamedTensors fixed = run.state.memory;
  double acceptance = 0;
  for (int step = 0; step < 100; ++step) {
    run.step();
    acceptance += run.info.acceptance.mean().item<double>() / 100;
  }
  EXPECT_NEAR(acceptance, options.chain.target_acceptance, 0.05);
  ASSERT_EQ(fixed.size(), run.state.memory.size());
  for (std::size_t i = 0; i < fixed.size(); ++i) {
    const auto& [name, tensor] = run.state.memory[i];
    EXPECT_EQ(name, fixed[i].first);
    EXPECT_EQ(tensor.sizes(), fixed[i].second.sizes()) << name;
    if (name == "ladder" || name == "log_step_size" || name == "inverse_mass") {
      expect_same_bits(tensor, fixed[i].second.clone(), name);
    }
  }
}

TEST(SamplerParallelTempering, CountsOfEvaluationsAreThoseOfTheHeader) {
  const auto target = named_target("ring");
  const CountingDensity counting(*target);
  SamplerOptions options = adapted(2, 3, 4);
  options.chain.path_length = PathLength::kFixed;
  options.tempering.moves = 2;
  Stepped run(counting, options, 2.0, Seed(12));
  EXPECT_EQ(counting.counts().gradient, 2 * 3);
  run.step();
  run.step();
  // init; two steps of 2 moves, 3 replicas and 5 leapfrog steps; one reference. Per chain, 2 · 3.
  EXPECT_EQ(counting.counts().gradient, 2 * 3 * (1 + 2 * 2 * 3 * 5 + 1));
}

TEST(SamplerParallelTempering, SteppingStonesNeedStepsAfterTheWarmUp) {
  const auto target = named_target("ring");
  Stepped run(*target, adapted(1, 2, 3), 2.0, Seed(13));
  run.warm_up(2);
  EXPECT_THROW(stepping_stone_log_z(run.state), InvalidInput);
  run.step();
  EXPECT_EQ(stepping_stone_log_z(run.state).sizes(), at::IntArrayRef({1}));
  State other = run.state;
  other.memory.clear();
  EXPECT_THROW(stepping_stone_log_z(other), InvalidInput);
  EXPECT_THROW(temperature_ladder(other), InvalidInput);
}

TEST(SamplerParallelTempering, SinglePrecisionStaysSingle) {
  const auto target = named_target("ring");
  SamplerOptions options = adapted(2, 4, 3);
  NamedTensors parameters = initial_parameters(2, 2.0);
  for (auto& entry : parameters) entry.second = entry.second.to(at::kFloat);
  const ParallelTempering sampler(options, parameters);
  State state = begin(sampler, *target, options, parameters, Seed(14));
  for (int step = 0; step < 25; ++step) {
    state = sampler.step(*target, state, Seed(15).child("step", step).generator()).state;
  }
  EXPECT_EQ(state.particles.scalar_type(), at::kFloat);
  EXPECT_EQ(remembered(state, "replicas.score").scalar_type(), at::kFloat);
  EXPECT_TRUE(state.log_density.isfinite().all().item<bool>());
}

}  // namespace
}  // namespace ergon::testing
