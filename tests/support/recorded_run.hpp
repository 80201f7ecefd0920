#pragma once

#include <cstdint>
#include <optional>

#include "ergon/core/random.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/sampler/stein_flow.hpp"

namespace ergon::testing {

/// What a recorded run of plain SVGD with a fixed bandwidth is made of.
struct RunToRecord {
  std::int64_t particles = 50;
  std::int64_t steps = 20;
  double bandwidth = 1.0;
  double step_size = 0.1;       ///< cut to 0.95 of the certified bound where that is less
  double initial_stddev = 2.5;  ///< q⁰ = N(0, initial_stddev² I)
};

/// One real run of Svgd from q⁰, read as a flow.
SteinFlow recorded_flow(const LogDensity& target,
                        const RunToRecord& run,
                        Seed seed,
                        SteinFlow::Method method = {});

/// The steps alone, of a run from these particles (M, D).
std::vector<SteinStep> recorded_steps(const LogDensity& target,
                                      const RunToRecord& run,
                                      const Tensor& particles);

/// q⁰ of such a run.
InitialDistribution initial_of(const RunToRecord& run, std::int64_t dim);

}  // namespace ergon::testing
