#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ergon/density/gaussian.hpp"
#include "ergon/density/mixture.hpp"
#include "ergon/density/ring.hpp"
#include "ergon/estimate/two_sample.hpp"
#include "ergon/sampler/chain_samplers.hpp"

namespace ergon::testing {

/// A chain's end, and what its steps said on average.
struct ChainRun {
  State state;
  Tensor draws;  ///< (chains, steps, D), of the steps after the warm-up
  double acceptance = 0.0, depth = 0.0;
};

inline ChainRun run_chains(
    const Sampler& sampler, const LogDensity& target, State state, std::int64_t steps, Seed seed) {
  ChainRun run;
  std::vector<Tensor> draws;
  for (std::int64_t step = 0; step < steps; ++step) {
    const auto index = static_cast<std::uint64_t>(state.step);
    Transition next = sampler.step(target, state, seed.child("step", index).generator());
    state = next.state;
    draws.push_back(state.particles.reshape({-1, target.dim()}).to(at::kDouble));
    const auto mean = [&](const Tensor& values) {
      return values.defined() ? values.mean().item<double>() / static_cast<double>(steps) : 0.0;
    };
    run.acceptance += mean(next.info.acceptance);
    run.depth += mean(next.info.tree_depth);
  }
  run.state = state;
  run.draws = at::stack(draws, 1);
  return run;
}

/// Warm-up, its end, and steps that are kept.
inline ChainRun warm_and_run(const Sampler& sampler,
                             const LogDensity& target,
                             const Tensor& particles,
                             std::int64_t warmup,
                             std::int64_t steps) {
  const State start = sampler.init(target, particles, Tensor());
  const ChainRun warm = run_chains(sampler, target, start, warmup, Seed(101));
  return run_chains(sampler, target, sampler.end_warmup(warm.state), steps, Seed(101));
}

inline SamplerOptions fixed_options(SamplerKind kind, double step_size) {
  SamplerOptions options = sampler_preset(kind);
  options.step_size.rule = StepSizeRule::kFixed;
  options.step_size.value = step_size;
  options.chain.mass = MassMatrix::kIdentity;
  return options;
}

inline Gaussian standard_normal(std::int64_t dim) {
  return Gaussian("gaussian", at::zeros({dim}, at::kDouble), at::ones({dim}, at::kDouble));
}

/// A correlated Gaussian, a ring, and a mixture of two modes with unequal weights.
inline std::vector<std::unique_ptr<Target>> oracles() {
  std::vector<std::unique_ptr<Target>> targets;
  targets.push_back(
      std::make_unique<Gaussian>("gaussian", at::tensor({1.0, -2.0}, at::kDouble),
                                 at::tensor({2.0, 0.9, 0.9, 0.5}, at::kDouble).view({2, 2})));
  targets.push_back(std::make_unique<Ring>(2.0, 0.4));
  targets.push_back(std::make_unique<GaussianMixture>(
      "mixture", at::tensor({-1.5, 0.0, 1.5, 0.5}, at::kDouble).view({2, 2}),
      at::tensor({0.3, 0.7}, at::kDouble), 0.7));
  return targets;
}

/// Chains that start from exact draws must stay exact: `chains` independent ones after `steps`
/// steps, 4 standard errors for the change of E x and E x² (paired with the start, false alarm
/// 6e-5 each) and for E |x|² against fresh draws; a permutation test of 1000 draws at 0.1 %.
inline void expect_invariance(const Sampler& sampler,
                              const Target& target,
                              std::int64_t chains,
                              std::int64_t steps,
                              std::uint64_t seed_value) {
  const Seed seed(seed_value);
  const Tensor start = *target.sample(chains, seed.child("exact").generator());
  const ChainRun run =
      run_chains(sampler, target, sampler.init(target, start, Tensor()), steps, seed);
  const Tensor& end = run.state.particles;
  EXPECT_FALSE(end.equal(start)) << target.name();
  const double root = std::sqrt(static_cast<double>(chains));
  for (const Tensor& change :
       {end - start, end.square() - start.square(),
        end.select(-1, 0) * end.select(-1, 1) - start.select(-1, 0) * start.select(-1, 1)}) {
    const Tensor z = change.mean(0) / (change.std(0) / root);
    EXPECT_LT(z.abs().max().item<double>(), 4.0) << target.name();
  }
  const Tensor fresh = *target.sample(chains, seed.child("fresh").generator());
  const Tensor ours = end.square().sum(-1), theirs = fresh.square().sum(-1);
  const double error = ((ours.var() + theirs.var()).sqrt() / root).item<double>();
  EXPECT_LT(std::abs((ours.mean() - theirs.mean()).item<double>()), 4 * error) << target.name();
  const double p_value = energy_test(end.narrow(0, 0, 500), fresh.narrow(0, 0, 500), 999,
                                     seed.child("permutations").generator())
                             .p_value;
  EXPECT_GT(p_value, 0.0011) << target.name();
}

/// The tensor in a state's memory.
inline Tensor& remembered(State& state, const std::string& name) {
  for (auto& [found, tensor] : state.memory) {
    if (found == name) return tensor;
  }
  throw InvalidInput("no memory called " + name);
}

}  // namespace ergon::testing
