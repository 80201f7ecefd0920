#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ergon/density/counting.hpp"
#include "ergon/density/target.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/make_sampler.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/run.hpp"
#include "ergon/sampler/stein_samplers.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"
#include "support/sampler_cases.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

NamedTensors parameters_of(const SamplerOptions& options, const LogDensity& target, Seed seed) {
  return starting_parameters(options, target.dim(), seed.child("parameters"));
}

void take_steps(ergon::Run& run, std::int64_t most) {
  for (std::int64_t i = 0; i < most && run.status() == RunStatus::kRunning; ++i) run.step();
}

ergon::Run started(const LogDensity& target, const SamplerOptions& options, std::uint64_t seed) {
  return run_of(target, options, parameters_of(options, target, Seed(seed)), Seed(seed));
}

// A density that is not a number outside a small ball about the origin.
class HoleyDensity : public LogDensity {
 public:
  std::int64_t dim() const override { return 2; }
  Tensor log_density(const Tensor& x) const override {
    const Tensor r = x.pow(2).sum(-1);
    return at::where(r < radius_squared, -0.5 * r,
                     at::full_like(r, std::numeric_limits<double>::quiet_NaN()));
  }
  double radius_squared = 0;
};

class SamplerConformance : public ::testing::TestWithParam<SamplerCase> {};

TEST_P(SamplerConformance, KeepsShapesAndTypesAndStaysFinite) {
  const auto target = named_target("gaussian-worked");
  const SamplerOptions& options = GetParam().options;
  ergon::Run run = started(*target, options, 3);
  take_steps(run, options.steps.steps);
  const State& state = run.state();
  const std::vector<std::int64_t> shape = {options.sets, options.particles, 2};
  EXPECT_EQ(state.particles.sizes().vec(), shape);
  EXPECT_EQ(state.score.sizes().vec(), shape);
  EXPECT_EQ(state.log_density.sizes().vec(),
            std::vector<std::int64_t>({options.sets, options.particles}));
  EXPECT_EQ(state.particles.scalar_type(),
            options.precision == Precision::kDouble ? at::kDouble : at::kFloat);
  EXPECT_EQ(state.log_q.defined(), tracks_density(options.kind));
  EXPECT_TRUE(state.particles.isfinite().all().item<bool>());
  if (state.log_q.defined()) {
    EXPECT_TRUE(state.log_q.isfinite().all().item<bool>());
  }
  EXPECT_EQ(run.trace().size(), static_cast<std::size_t>(state.step) + 1);
  // What the state carries is what the target says there.
  const auto there = target->log_density_and_score(state.particles);
  const double tolerance_here = 100 * tolerance(state.particles.scalar_type());
  expect_close(state.log_density, there.log_density, tolerance_here, "log density");
  expect_close(state.score, there.score, tolerance_here, "score");
}

TEST_P(SamplerConformance, SameSeedGivesTheSameBitsAndAnotherSeedOthers) {
  const auto target = named_target("mixture-4");
  const SamplerOptions& options = GetParam().options;
  ergon::Run a = started(*target, options, 5), b = started(*target, options, 5),
             c = started(*target, options, 6);
  for (ergon::Run* run : {&a, &b, &c}) take_steps(*run, options.steps.steps);
  expect_same_bits(a.state().particles, b.state().particles, "particles");
  EXPECT_FALSE(a.state().particles.equal(c.state().particles));
  if (a.state().log_q.defined()) expect_same_bits(a.state().log_q, b.state().log_q, "log q");
}

TEST_P(SamplerConformance, CheckpointAndRestoreEqualTheUninterruptedRun) {
  const auto target = named_target("mixture-4");
  const SamplerOptions& options = GetParam().options;
  ergon::Run whole = started(*target, options, 7);
  take_steps(whole, options.steps.steps);
  ergon::Run first = started(*target, options, 7);
  take_steps(first, 2);
  ergon::Run resumed = started(*target, options, 7);
  resumed.restore(first.checkpoint(), "checkpoint");
  take_steps(resumed, options.steps.steps);
  expect_same_bits(resumed.state().particles, whole.state().particles, "particles");
  EXPECT_EQ(resumed.status(), whole.status());
  ASSERT_EQ(resumed.trace().size(), whole.trace().size());
  for (std::size_t row = 0; row < whole.trace().size(); ++row) {
    const auto a = to_numbers(resumed.trace()[row]), b = to_numbers(whole.trace()[row]);
    for (std::size_t column = 0; column < a.size(); ++column) {
      EXPECT_TRUE(a[column] == b[column] || (std::isnan(a[column]) && std::isnan(b[column])));
    }
  }
  if (whole.state().log_q.defined())
    expect_same_bits(resumed.state().log_q, whole.state().log_q, "log q");
}

TEST_P(SamplerConformance, StopsWhereTheDensityIsNotFiniteTooOften) {
  HoleyDensity target;
  SamplerOptions options = GetParam().options;
  if (options.kind == SamplerKind::kLaplace) return;  // takes no step
  options.control.control = DivergenceControl::kNone;
  options.initial.stddev = 1.0;
  target.radius_squared = 1e6;
  ergon::Run run = started(target, options, 9);
  target.radius_squared = 0;  // from now on every move lands outside
  take_steps(run, 1);
  const std::int64_t particles = options.particles * options.sets;
  EXPECT_EQ(run.status(), RunStatus::kTooManyNonfinite);
  if (is_stein(options.kind)) {
    const std::int64_t proposals = options.refresh == Refresh::kNone ? 1 : 2;  // of a particle
    EXPECT_EQ(run.trace().back().nonfinite, proposals * particles);
  }
  EXPECT_TRUE(run.state().particles.isfinite().all().item<bool>());
}

TEST_P(SamplerConformance, EveryAlternativeCanBeFittedUnlessItLearnsNothing) {
  const SamplerOptions& options = GetParam().options;
  if (!can_be_fitted(options.kind) || options.kind == SamplerKind::kFlow) {
    EXPECT_TRUE(learned_names(options).empty());  // a flow has parameters of its own
    return;
  }
  const auto target = named_target("gaussian-worked");
  NamedTensors parameters = parameters_of(options, *target, Seed(11));
  for (auto& [name, tensor] : parameters) tensor.requires_grad_();
  const auto sampler = make_sampler(options, parameters);
  const auto initial = InitialDistribution::from_parameters(parameters);
  const Draws draws = initial.sample_sets(options.sets, options.particles, Seed(12).generator());
  State state = sampler->init(*target, draws.particles, draws.log_q);
  for (int step = 0; step < 2; ++step)
    state = sampler->step(*target, state, Seed(13).child("step", step).generator()).state;
  (state.log_q - state.log_density).mean().backward();
  for (const auto& [name, tensor] : parameters) {
    if (name.rfind("precondition.", 0) == 0) continue;  // no business of the steps in z
    // Hidden layers behind a last layer of zeros have zero gradients, a per-step parameter has some
    // that are not.
    ASSERT_TRUE(tensor.grad().defined()) << name;
    EXPECT_TRUE(tensor.grad().isfinite().all().item<bool>()) << name;
  }
  EXPECT_GT(parameters[0].second.grad().abs().max().item<double>(), 0.0);
}

std::string case_name(const ::testing::TestParamInfo<SamplerCase>& info) {
  std::string name = info.param.name;
  for (char& letter : name)
    letter = std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Sampler,
                         SamplerConformance,
                         ::testing::ValuesIn(sampler_cases()),
                         case_name);

// --- what the presets promise together
// --------------------------------------------------------------------------------------

TEST(SamplerPresets, BatchRowsEqualSingleRuns) {
  const auto target = named_target("mixture-4");
  for (auto [name, options] : sampler_presets()) {
    if (!makes_maps(options.kind)) continue;  // every particle has numbers of its own
    if (tracks_density(options.kind)) options.hessian.trace = HessianTrace::kExact;
    const NamedTensors parameters = parameters_of(options, *target, Seed(1));
    const auto sampler = make_sampler(options, parameters);
    const Draws draws =
        InitialDistribution::from_parameters(parameters).sample_sets(3, 10, Seed(2).generator());
    const auto end = [&](const Tensor& x, const Tensor& log_q) {
      State state = sampler->init(*target, x, log_q);
      for (int step = 0; step < 5; ++step)
        state = sampler->step(*target, state, Seed(3).generator()).state;
      return state;
    };
    const State batch = end(draws.particles, draws.log_q);
    for (std::int64_t set = 0; set < 3; ++set) {
      const State single = end(draws.particles[set], draws.log_q[set]);
      expect_close(single.particles, batch.particles[set], tolerance<double>(),
                   name + " particles");
      if (single.log_q.defined())
        expect_close(single.log_q, batch.log_q[set], tolerance<double>(), name + " log q");
    }
  }
}

TEST(SamplerPresets, PermutingTheParticlesPermutesTheResult) {
  const auto target = named_target("mixture-4");
  const Tensor order = at::tensor(std::vector<std::int64_t>{4, 0, 3, 1, 2, 9, 8, 7, 6, 5});
  for (auto [name, options] : sampler_presets()) {
    if (!makes_maps(options.kind)) continue;  // every particle has numbers of its own
    if (tracks_density(options.kind)) options.hessian.trace = HessianTrace::kExact;
    const NamedTensors parameters = parameters_of(options, *target, Seed(1));
    const auto sampler = make_sampler(options, parameters);
    const Draws draws =
        InitialDistribution::from_parameters(parameters).sample_sets(1, 10, Seed(4).generator());
    const auto move = [&](const Tensor& x, const Tensor& log_q) {
      return sampler->step(*target, sampler->init(*target, x, log_q), Seed(3).generator())
          .state.particles;
    };
    const Tensor plain = move(draws.particles[0], draws.log_q[0]);
    const Tensor permuted =
        move(draws.particles[0].index_select(0, order), draws.log_q[0].index_select(0, order));
    expect_close(permuted, plain.index_select(0, order), tolerance<double>(), name);
  }
}

TEST(SamplerPresets, CountEvaluationsAsDocumented) {
  const auto target = named_target("gaussian-worked");
  struct Expected {
    std::string name;
    SamplerOptions options;
    double log_density, gradient, hessian_vector;  // per particle and step
  };
  std::vector<Expected> cases;
  for (const auto& [name, options] : sampler_presets()) {
    // what adapts searches for a step size first; their own tests count
    if (!is_stein(options.kind) && options.kind != SamplerKind::kUla) continue;
    // met-svgd: one probe, and D = 2 products for the exact norm of its bound; stein-flow: the
    // probe alone; stein-mh: the Stein move and the random one
    const double products = name == "met-svgd" ? 3.0 : name == "stein-flow" ? 1.0 : 0.0;
    const double moves = name == "stein-mh" ? 2.0 : 1.0;
    cases.push_back({name, options, moves, moves, products});
  }
  SamplerOptions options = sampler_cases()[2].options;
  ASSERT_EQ(options.kind, SamplerKind::kMetSvgd);
  options.bound.bound = StepBound::kNone;
  options.hessian.probes = 5;
  cases.push_back({"five probes", options, 1, 1, 5});
  options.hessian.trace = HessianTrace::kExact;
  cases.push_back({"exact trace", options, 1, 1, 2});
  options.control.control = DivergenceControl::kMetropolisHastings;
  cases.push_back({"both directions", options, 2, 1, 2});
  options.control.moves = MetropolisMoves::kForwardOnly;
  cases.push_back({"forward only", options, 1, 1, 2});
  for (const auto& expected : cases) {
    const CountingDensity counting(*target);
    ergon::Run run = started(counting, expected.options, 1);
    take_steps(run, 4);
    const double points = static_cast<double>(expected.options.particles * expected.options.sets);
    const auto counts = counting.counts();
    EXPECT_EQ(static_cast<double>(counts.log_density), points * (1 + 4 * expected.log_density))
        << expected.name;
    EXPECT_EQ(static_cast<double>(counts.gradient), points * (1 + 4 * expected.gradient))
        << expected.name;
    EXPECT_EQ(static_cast<double>(counts.hessian_vector), points * 4 * expected.hessian_vector)
        << expected.name;
  }
}

TEST(SamplerPresets, DrawsAndWeightsOfWhatIsNoSteinSamplerHaveTheGaussiansMoments) {
  const auto target = named_target("gaussian-worked");
  const auto known = target->known();
  for (const auto& [name, preset] : sampler_presets()) {
    if (is_stein(preset.kind) || preset.kind == SamplerKind::kUla) continue;
    SamplerOptions options = sampler_preset(preset.kind);
    options.sets = 8;
    options.particles = makes_chains(options.kind) ? 8 : 100;
    options.initial.stddev = makes_chains(options.kind) ? 1.5 : 3.0;
    if (makes_chains(options.kind)) options.steps.steps = 300;
    if (options.kind == SamplerKind::kLaplace) options.initial.stddev = 1.2;
    const NamedTensors parameters = starting_parameters(options, *target, Seed(31));
    ergon::Run run = run_of(*target, options, parameters, Seed(32));
    take_steps(run, options.steps.steps);
    EXPECT_EQ(run.status(), RunStatus::kFinished) << name;
    const State& state = run.state();
    // Mean and error of every set's estimate, (8, 2).
    Tensor of_sets;
    if (makes_chains(options.kind)) {
      of_sets = run.chains().view({8, -1, 2}).mean(1);
    } else {
      const Tensor log_weight =
          anneals(options.kind) ? state.log_weight : state.log_density - state.log_q;
      of_sets = (state.particles * log_weight.softmax(-1).unsqueeze(-1)).sum(1);
    }
    const Tensor z = (of_sets.mean(0) - *known.mean) / (of_sets.std(0, true) / std::sqrt(8.0));
    EXPECT_LT(z.abs().max().item<double>(), 5.0) << name << z;  // Student's t, 7 degrees: 0.2 %
    EXPECT_LT(of_sets.std(0, true).max().item<double>(), 0.4) << name;
  }
}

TEST(SamplerPresets, MomentsOfACorrelatedGaussianAreAsGoodAsIndependentDraws) {
  const auto target = named_target("gaussian-worked");
  const auto known = target->known();
  for (auto [name, options] : sampler_presets()) {
    if (!is_stein(options.kind)) continue;
    options.particles = 100;
    options.sets = 4;
    options.steps.steps = 400;
    options.initial.stddev = std::sqrt(6.0);
    options.bandwidth.rule = BandwidthRule::kMedian;
    options.step_size.rule = StepSizeRule::kFixed;
    options.step_size.value = 0.3;
    ergon::Run run = started(*target, options, 21);
    take_steps(run, 400);
    const double draws = 100;
    for (std::int64_t set = 0; set < 4; ++set) {
      Tensor x = run.state().particles[set];
      if (run.state().alive.defined())
        x = x.index({run.state().alive[set]});  // dropped ones stay where they were
      const Tensor mean = x.mean(0);
      const Tensor covariance =
          at::matmul((x - mean).transpose(0, 1), x - mean) / static_cast<double>(x.size(0));
      const Tensor stddev = known.covariance->diagonal().sqrt();
      const Tensor z_mean = (mean - *known.mean) / (stddev / std::sqrt(draws));
      const Tensor z_var =
          (covariance.diagonal() / known.covariance->diagonal() - 1) / std::sqrt(2 / draws);
      const double rho = ((*known.covariance)[0][1] / (stddev[0] * stddev[1])).item<double>();
      const double found =
          (covariance[0][1] / (covariance[0][0] * covariance[1][1]).sqrt()).item<double>();
      EXPECT_LT(z_mean.abs().max().item<double>(), 4.0) << name << z_mean;
      EXPECT_LT(z_var.abs().max().item<double>(), 4.0) << name << z_var;
      EXPECT_LT(std::abs(found - rho) / ((1 - rho * rho) / std::sqrt(draws)), 4.0) << name;
    }
  }
}

}  // namespace
}  // namespace ergon::testing
