#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "ergon/core/random.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/estimate/chains.hpp"
#include "sampler/chain_runs.hpp"
#include "support/compare.hpp"

namespace ergon::testing {
namespace {

// E min(1, exp(-ΔH)) of one leapfrog step from N(0, 1), by the trapezoidal rule over x and p.
double acceptance_by_quadrature(double step_size) {
  const Tensor line = at::linspace(-9, 9, 1801, at::kDouble);
  const Tensor x = line.unsqueeze(1), p = line.unsqueeze(0);
  const Tensor half = p - step_size / 2 * x;
  const Tensor x_end = x + step_size * half;
  const Tensor p_end = half - step_size / 2 * x_end;
  const Tensor error = (x_end.square() + p_end.square() - x.square() - p.square()) / 2;
  const Tensor density = (-(x.square() + p.square()) / 2).exp() / (2 * M_PI);
  return (density * (-error).clamp_max(0.0).exp()).sum().item<double>() * 1e-4;
}

TEST(SamplerHmc, AcceptanceAtStationarityIsThatOfQuadrature) {
  const Gaussian target = standard_normal(1);
  for (const double step_size : {0.5, 1.0, 1.7}) {
    SamplerOptions options = fixed_options(SamplerKind::kHmc, step_size);
    options.chain.leapfrog_steps = 1;
    const Hmc sampler(options);
    const Tensor start = at::randn({1000, 200, 1}, Seed(1).generator(), at::kDouble);
    const State state = sampler.init(target, start, Tensor());
    const Tensor found = sampler.step(target, state, Seed(2).generator()).info.acceptance;
    const double error = found.std().item<double>() / std::sqrt(1000.0);
    EXPECT_LT(std::abs(found.mean().item<double>() - acceptance_by_quadrature(step_size)),
              4 * error)
        << step_size;
    EXPECT_LT(error, 1e-3);
  }
}

TEST(SamplerHmc, ExactDrawsStayExact) {
  std::uint64_t seed = 30;
  for (const auto& target : oracles()) {
    expect_invariance(Hmc(fixed_options(SamplerKind::kHmc, 0.5)), *target, 20000, 5, ++seed);
  }
}

TEST(SamplerHmc, PathsAreOfOneLengthOrEvenlyOfAnyUpToIt) {
  const Gaussian target = standard_normal(2);
  SamplerOptions options = fixed_options(SamplerKind::kHmc, 0.1);
  options.chain.leapfrog_steps = 4;
  for (const PathLength rule : {PathLength::kFixed, PathLength::kUniform}) {
    options.chain.path_length = rule;
    const Hmc sampler(options);
    State state = sampler.init(target, at::zeros({3, 5, 2}, at::kDouble), Tensor());
    std::multiset<std::int64_t> lengths;
    for (std::uint64_t step = 0; step < 400; ++step) {
      const CountingDensity counting(target);
      state = sampler.step(counting, state, Seed(3).child("step", step).generator()).state;
      ASSERT_EQ(counting.counts().gradient % 15, 0);
      lengths.insert(counting.counts().gradient / 15);
    }
    for (std::int64_t length = 1; length <= 4; ++length) {
      const auto times = static_cast<double>(lengths.count(length));
      if (rule == PathLength::kFixed) {
        EXPECT_EQ(times, length == 4 ? 400 : 0);
      } else {
        EXPECT_NEAR(times, 100, 4 * std::sqrt(75.0));
      }
    }
  }
}

TEST(SamplerHmc, AnIllConditionedGaussianHasItsMoments) {
  const Tensor variance = at::logspace(-4, 4, 9, 10.0, at::kDouble);
  const Gaussian target("gaussian", at::zeros({9}, at::kDouble), variance);
  const Hmc sampler(sampler_preset(SamplerKind::kHmc));
  const Tensor start = at::randn({32, 9}, Seed(4).generator(), at::kDouble);
  const ChainRun run = warm_and_run(sampler, target, start, 800, 800);
  EXPECT_LT(split_r_hat(run.draws).max().item<double>(), 1.01);
  const Tensor squares = run.draws.square();
  const auto mean_of = [](const Tensor& draws) { return draws.flatten(0, 1).mean(0); };
  const Tensor z_mean =
      mean_of(run.draws) / (variance / mean_effective_sample_size(run.draws)).sqrt();
  const Tensor z_square =
      (mean_of(squares) / variance - 1) / (2 / mean_effective_sample_size(squares)).sqrt();
  EXPECT_LT(z_mean.abs().max().item<double>(), 4.0) << z_mean;
  EXPECT_LT(z_square.abs().max().item<double>(), 4.0) << z_square;
}

TEST(SamplerHmc, StatesWithoutPastGoOnWithTheSameBits) {
  const auto targets = oracles();
  const Hmc sampler(sampler_preset(SamplerKind::kHmc));
  const Tensor start = at::randn({2, 8, 2}, Seed(5).generator(), at::kDouble);
  const State first =
      run_chains(sampler, *targets[2], sampler.init(*targets[2], start, Tensor()), 25, Seed(6))
          .state;
  State copy = first;
  copy.particles = first.particles.clone();
  copy.log_density = first.log_density.clone();
  copy.score = first.score.clone();
  for (auto& [name, tensor] : copy.memory) tensor = tensor.clone();
  const State a = run_chains(sampler, *targets[2], first, 30, Seed(6)).state;
  const State b = run_chains(sampler, *targets[2], copy, 30, Seed(6)).state;
  expect_same_bits(a.particles, b.particles, "particles");
  for (std::size_t i = 0; i < a.memory.size(); ++i) {
    expect_same_bits(a.memory[i].second, b.memory[i].second, a.memory[i].first);
  }
}

}  // namespace
}  // namespace ergon::testing
