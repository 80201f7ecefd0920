#pragma once

#include <memory>

#include "ergon/density/target.hpp"
#include "ergon/sampler/initial.hpp"

namespace ergon::bench {

/// A standard normal target in D dimensions: closed-form score and Hessian, so that the sampler's
/// own work is what is measured.
inline std::unique_ptr<Target> standard_normal(std::int64_t dim) {
  TargetOptions options;
  options.name = "standard-normal";
  options.dim = dim;
  return make_target(options);
}

inline constexpr double kInitialStddev = 2.0;

/// One set of M particles from N(0, 4I).
inline Draws particles(std::int64_t count, std::int64_t dim, Precision precision) {
  InitialOptions options;
  options.stddev = kInitialStddev;
  auto initial = InitialDistribution::from_options(options, dim, Seed(1));
  Draws draws = initial.sample_sets(1, count, Seed(2).generator());
  if (precision == Precision::kSingle)
    draws = {draws.particles.to(c10::kFloat), draws.log_q.to(c10::kFloat)};
  return draws;
}

/// A typical state: the benchmarks start after this many steps.
inline constexpr int kWarmSteps = 5;

}  // namespace ergon::bench
