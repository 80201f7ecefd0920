#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>

#include "ergon/core/random.hpp"
#include "ergon/density/mixture.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon::testing {

/// Small sets with moves whose step size and masses are fixed: nothing is adapted to the particles
/// but an adaptive ladder.
inline SamplerOptions fixed_moves(SamplerKind kind, std::int64_t sets, std::int64_t particles) {
  SamplerOptions options = sampler_preset(kind);
  options.sets = sets;
  options.particles = particles;
  options.step_size.rule = StepSizeRule::kFixed;
  options.step_size.value = 0.5;
  options.chain.mass = MassMatrix::kIdentity;
  options.chain.leapfrog_steps = 4;
  return options;
}

/// N(0, stddev² I) in D dimensions.
inline NamedTensors initial_parameters(std::int64_t dim, double stddev) {
  return {{"initial.mean", at::zeros({1, dim}, at::kDouble)},
          {"initial.log_stddev", at::full({1, dim}, std::log(stddev), at::kDouble)}};
}

/// A state of `sampler` at draws of q⁰.
inline State begin(const Sampler& sampler,
                   const LogDensity& target,
                   const SamplerOptions& options,
                   const NamedTensors& parameters,
                   Seed seed) {
  const Draws draws =
      InitialDistribution::from_parameters(parameters)
          .sample_sets(options.sets, options.particles, seed.child("initial").generator());
  return sampler.init(target, draws.particles, draws.log_q);
}

/// 0.8 N((4, 0), I) + 0.2 N((-4, 0), I).
inline GaussianMixture two_modes() {
  return {"two-modes", at::tensor({4.0, 0.0, -4.0, 0.0}, at::kDouble).view({2, 2}),
          at::tensor({0.8, 0.2}, at::kDouble), 1.0};
}

/// How many of its standard errors the mean of independent values (R) is away from `expected`.
inline double errors_off(const Tensor& values, double expected) {
  const double error = values.std().item<double>() / std::sqrt(static_cast<double>(values.numel()));
  return std::abs(values.mean().item<double>() - expected) / error;
}

}  // namespace ergon::testing
