// The worked example of the published method: N(μ, Σ) with μ = (-0.6871, 0.8010), Σ = 5 [[.2260,
// .1652], [.1652, .6779]], exact entropy 3.411; q⁰ = N(0, 6I), 200 particles, step 0.1, nothing
// learned.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ergon/density/target.hpp"
#include "ergon/estimate/estimate.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/run.hpp"
#include "support/named_target.hpp"

namespace ergon::testing {
namespace {

SamplerOptions worked_example(std::int64_t steps) {
  SamplerOptions options = sampler_preset(SamplerKind::kPSvgd);
  options.particles = 200;
  options.sets = 8;
  options.steps.steps = steps;
  options.initial.stddev = std::sqrt(6.0);
  options.control.control = DivergenceControl::kNone;
  return options;
}

ergon::Run run_to_the_end(const LogDensity& target,
                          const SamplerOptions& options,
                          std::uint64_t seed) {
  ergon::Run run(target, options, starting_parameters(options, target.dim(), Seed(seed)),
                 Seed(seed));
  while (run.status() == RunStatus::kRunning) run.step();
  return run;
}

// Two references for the entropy estimate after 200 and 500 steps: the published table, one set of
// particles each with an unknown seed, and a second implementation's mean over 16 sets with its
// standard error (tools/worked_example_reference.py 16).
struct Reference {
  double published, mean, standard_error;
};
struct WorkedRow {
  double bandwidth;  // 0: median rule
  Reference at_200, at_500;
};

class SamplerWorkedExample : public ::testing::TestWithParam<WorkedRow> {};

TEST_P(SamplerWorkedExample, EntropyAgainstStepsAgreesWithTheTableAndWithASecondImplementation) {
  const auto target = named_target("gaussian-worked");
  SamplerOptions options = worked_example(500);
  if (GetParam().bandwidth > 0) {
    options.bandwidth.rule = BandwidthRule::kFixed;
    options.bandwidth.value = GetParam().bandwidth;
  }
  ergon::Run run(*target, options, starting_parameters(options, 2, Seed(1)), Seed(1));
  const auto check = [&](const Reference& reference) {
    const Estimate entropy = mean_over_sets(-run.state().log_q, {});
    const double error = std::hypot(entropy.standard_error, reference.standard_error);
    EXPECT_LT(std::abs(entropy.value - reference.mean) / error, 4.0)
        << entropy.value << " +- " << entropy.standard_error << " against " << reference.mean;
    // A published number is -mean log q over the 200 particles of one set; its Monte-Carlo error is
    // their spread over √200.
    const double single = (run.state().log_q.std(-1).mean() / std::sqrt(200.0)).item<double>();
    EXPECT_LT(std::abs(entropy.value - reference.published) / single, 3.0)
        << entropy.value << " against the table's " << reference.published << " +- " << single;
  };
  while (run.state().step < 200) run.step();
  check(GetParam().at_200);
  while (run.status() == RunStatus::kRunning) run.step();
  check(GetParam().at_500);
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    SamplerWorkedExample,
    ::testing::Values(WorkedRow{0.1, {3.32, 3.4284, 0.0581}, {1.94, 2.0574, 0.1201}},
                      WorkedRow{0.5, {3.99, 4.0150, 0.0225}, {2.84, 2.8445, 0.0246}},
                      WorkedRow{1.0, {3.98, 3.9519, 0.0169}, {3.49, 3.4471, 0.0161}},
                      WorkedRow{3.0, {3.70, 3.6095, 0.0070}, {3.56, 3.4541, 0.0060}},
                      WorkedRow{5.0, {3.76, 3.6852, 0.0045}, {3.54, 3.4561, 0.0035}},
                      WorkedRow{0.0, {3.98, 3.9389, 0.0155}, {3.43, 3.3901, 0.0192}}));

TEST(SamplerWorkedTrace, HessianTermLowersTheEntropyByItsExactShift) {
  const auto target = named_target("gaussian-worked");
  SamplerOptions options = worked_example(200);
  options.sets = 1;
  options.density.normalization = TraceNormalization::kParticles;
  const ergon::Run without = run_to_the_end(*target, options, 2);
  const Tensor precision = target->known().covariance->inverse();
  // ε L tr(Σ⁻¹) / M, whatever the probes of a constant diagonal Hessian would be; exact trace here.
  const double shift = 0.1 * 200 * precision.diagonal().sum().item<double>() / 200;
  EXPECT_NEAR(shift, 0.1436, 5e-5);
  options.hessian.trace = HessianTrace::kExact;
  const ergon::Run with = run_to_the_end(*target, options, 2);
  EXPECT_NEAR(without.trace().back().entropy - with.trace().back().entropy, shift, 1e-9);
  EXPECT_TRUE(with.state().particles.equal(without.state().particles));
  options.hessian.trace = HessianTrace::kHutchinson;
  options.hessian.probes = 50;
  const ergon::Run probed = run_to_the_end(*target, options, 2);
  // Each probe's vᵀ H v has standard deviation 2 |H_01|; it is averaged over 200 particles, 200
  // steps, 50 probes.
  const double deviation =
      0.1 * 2 * std::abs(precision[0][1].item<double>()) * std::sqrt(200.0 / 50 / 200) / 200;
  EXPECT_NEAR(without.trace().back().entropy - probed.trace().back().entropy, shift,
              4.5 * deviation);
}

TEST(SamplerThinGaussian, PlainSvgdDivergesAndMetropolisHastingsDoesNot) {
  const auto target = named_target("gaussian-thin");
  SamplerOptions svgd = sampler_preset(SamplerKind::kSvgd);
  svgd.particles = 50;
  svgd.sets = 2;
  svgd.steps.steps = 2000;
  svgd.step_size.value = 0.1;
  svgd.bandwidth.rule = BandwidthRule::kFixed;
  svgd.bandwidth.value = 5.0;
  const ergon::Run plain = run_to_the_end(*target, svgd, 3);
  const double plain_energy = -plain.state().log_density.mean().item<double>();

  SamplerOptions controlled = svgd;
  controlled.kind = SamplerKind::kMetSvgd;
  controlled.hessian.trace = HessianTrace::kHutchinson;
  controlled.bound.bound = StepBound::kNone;
  controlled.control.control = DivergenceControl::kMetropolisHastings;
  const ergon::Run accepted = run_to_the_end(*target, controlled, 3);
  const double energy = -accepted.state().log_density.mean().item<double>();
  // Exact: E[-log p] = entropy = 1 + log 2π - log 10 = 0.54.
  const double entropy = *target->known().entropy;
  EXPECT_GT(plain_energy, 100 * entropy) << "plain";
  EXPECT_LT(energy, entropy + 3) << "controlled";
  EXPECT_GT(accepted.trace().back().acceptance, 0.05);
}

}  // namespace
}  // namespace ergon::testing
