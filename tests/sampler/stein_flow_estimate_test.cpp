// What a recorded run is worth when nothing is learned: 200 particles of plain SVGD from q⁰ =
// N(0, 6I), 200 steps of 0.25 (less at bandwidth 0.5, where the certified bound is lower), one
// bandwidth for all steps. The estimates from fresh draws through the recorded maps are right at
// every bandwidth, and only their errors differ.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "ergon/estimate/importance.hpp"
#include "support/named_target.hpp"
#include "support/recorded_run.hpp"

namespace ergon::testing {
namespace {

constexpr std::int64_t kDraws = 8000;

ImportanceEstimates estimates_at(const Target& target, double bandwidth) {
  RunToRecord run;
  run.particles = 200;
  run.steps = 200;
  run.bandwidth = bandwidth;
  run.step_size = 0.25;
  run.initial_stddev = std::sqrt(6.0);
  const SteinFlow flow = recorded_flow(target, run, Seed(1));
  const Draws draws = flow.sample_with_log_prob(kDraws, Seed(1).child("draws").generator());
  WeightedDraws weighted;
  weighted.log_density = target.log_density(draws.particles);
  weighted.log_weight = weighted.log_density - draws.log_q;
  return importance_estimates(weighted);
}

class SamplerSteinFlowEstimate : public ::testing::TestWithParam<std::string> {};

// Ten checks of log Z at 3 standard errors and ten of the entropy at 4: a false alarm in 36 seeds.
TEST_P(SamplerSteinFlowEstimate, LogZAndEntropyAreRightAtEveryBandwidthThoughNothingIsLearned) {
  const auto target = named_target(GetParam());
  double best = 0;
  for (const double bandwidth : {0.5, 1.0, 2.0, 3.0, 5.0}) {
    const ImportanceEstimates found = estimates_at(*target, bandwidth);
    SCOPED_TRACE(fmt::format(
        "bandwidth {}: log Z {:+.4f} +- {:.4f}, ESS share {:.3f}, k-hat {:.2f}", bandwidth,
        found.log_z.value, found.log_z.standard_error, found.ess_share, found.pareto_k));
    EXPECT_LE(std::abs(found.log_z.value), 3 * found.log_z.standard_error);
    EXPECT_LE(found.log_z.standard_error, 0.03);
    EXPECT_LE(std::abs(found.entropy.value - *target->known().entropy),
              4 * found.entropy.standard_error);
    best = std::max(best, found.ess_share);
  }
  EXPECT_GE(best, 0.5);
}

INSTANTIATE_TEST_SUITE_P(Sampler,
                         SamplerSteinFlowEstimate,
                         ::testing::Values("gaussian-worked", "mixture-4"),
                         [](const auto& info) {
                           return info.param == "mixture-4" ? "Mixture" : "Gaussian";
                         });

}  // namespace
}  // namespace ergon::testing
