#include "ergon/sampler/run.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/density/target.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/make_sampler.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/stein_samplers.hpp"
#include "ergon/stein/jacobian.hpp"
#include "ergon/stein/joint.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

ergon::Run started(const LogDensity& target, const SamplerOptions& options, std::uint64_t seed) {
  return ergon::Run(target, options, starting_parameters(options, target.dim(), Seed(seed)),
                    Seed(seed));
}

SamplerOptions fixed_sampler() {
  SamplerOptions options = sampler_preset(SamplerKind::kMetSvgd);
  options.particles = 10;
  options.sets = 2;
  options.steps.steps = 1;
  options.initial.stddev = 2;
  options.bandwidth.rule = BandwidthRule::kFixed;
  options.step_size.rule = StepSizeRule::kFixed;
  options.step_size.value = 0.2;
  options.hessian.trace = HessianTrace::kExact;
  options.bound.bound = StepBound::kNone;
  return options;
}

// log q before minus after one step, and what the Jacobians say it must be.
TEST(SamplerRun, EveryDensityMethodIsTheLogDeterminantOfTheStep) {
  const auto target = named_target("mixture-4");
  for (const auto& method : EnumNames<DensityMethod>::all()) {
    SamplerOptions options = fixed_sampler();
    options.density.method = method.value;
    ergon::Run run = started(*target, options, 1);
    const State before = run.state();
    run.step();
    const Tensor change = before.log_q - run.state().log_q;
    const Tensor bandwidth = at::ones({2}, at::kDouble),
                 step_size = at::full({2}, 0.2, at::kDouble);
    const stein::Support support = {before.particles, before.score, bandwidth, {}};
    const Tensor hessian = target->hessian(before.particles);
    const Tensor jacobian = stein::velocity_jacobian(support, hessian);
    Tensor expected;
    switch (method.value) {
      case DensityMethod::kFirstOrder:
        expected = 0.2 * jacobian.diagonal(0, -2, -1).sum(-1);
        break;
      case DensityMethod::kBlock:
        expected = stein::block_log_determinant(jacobian, step_size).log_abs_det;
        break;
      case DensityMethod::kJoint:
        expected = stein::joint_log_determinant(stein::joint_jacobian(support, hessian), step_size)
                       .log_abs_det.unsqueeze(-1)
                       .expand({2, 10}) /
                   10;
        break;
    }
    expect_close(change, expected, tolerance<double>(), std::string(method.name));
  }
}

TEST(SamplerRun, StepNeverExceedsItsBound) {
  const auto target = named_target("funnel");
  for (const auto bound : {StepBound::kFrobenius, StepBound::kEigenvalue, StepBound::kSpectral}) {
    SamplerOptions options = fixed_sampler();
    options.steps.steps = 20;
    options.step_size.value = 100;
    options.bound.bound = bound;
    ergon::Run run = started(*target, options, 2);
    while (run.status() == RunStatus::kRunning) run.step();
    for (std::size_t row = 1; row < run.trace().size(); ++row) {
      EXPECT_LE(run.trace()[row].step_size, run.trace()[row].step_bound * (1 + 1e-12));
      EXPECT_LT(run.trace()[row].step_bound, 100);
    }
  }
}

TEST(SamplerRun, StopsOnceSteinsIdentityHolds) {
  const auto target = named_target("gaussian-worked");
  SamplerOptions options = fixed_sampler();
  options.particles = 100;
  options.steps.steps = 2000;
  options.steps.stopping = Stopping::kSteinIdentity;
  options.steps.threshold = 0.02;
  options.bandwidth.value = 2;
  options.step_size.value = 0.3;
  ergon::Run run = started(*target, options, 3);
  while (run.status() == RunStatus::kRunning) run.step();
  EXPECT_EQ(run.status(), RunStatus::kSteinIdentityMet);
  EXPECT_LT(run.state().step, 2000);
  for (std::size_t back = 1; back <= 3; ++back)
    EXPECT_LT(run.trace()[run.trace().size() - back].stein_residual, 0.02);
  EXPECT_GE(run.trace()[run.trace().size() - 4].stein_residual, 0.02);
}

TEST(SamplerRun, TruncationDropsParticlesForGoodAndRefusesToEmptyASet) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = fixed_sampler();
  options.control.control = DivergenceControl::kTruncation;
  options.steps.steps = 100;
  options.initial.stddev = 1.0;
  options.control.truncation = 2.5;  // the modes lie four standard deviations out
  options.particles = 60;
  ergon::Run run = started(*target, options, 4);
  double before = run.trace()[0].alive;
  for (int step = 0; step < 15; ++step) {
    const Tensor frozen = run.state().particles.clone(), alive = run.state().alive.clone();
    run.step();
    EXPECT_LE(run.trace().back().alive, before);
    before = run.trace().back().alive;
    const Tensor still = (run.state().particles == frozen).all(-1).logical_or(alive);
    EXPECT_TRUE(still.all().item<bool>()) << "a dropped particle moved";
  }
  EXPECT_LT(before, 0.9);
  EXPECT_GT(before, 0.1);
  options.control.truncation = 1e-3;
  EXPECT_THROW(started(*target, options, 5), NumericalFailure);
}

// x̃ = x ± ε φ and q' = ½ Σ_r [α_r q |det|^{-r} + (1-α_r) q], by hand from the field before the
// step.
TEST(SamplerRun, MetropolisInBothDirectionsCarriesThePublishedMixture) {
  const auto target = named_target("mixture-4");
  for (const auto method : {DensityMethod::kFirstOrder, DensityMethod::kBlock}) {
    SamplerOptions options = fixed_sampler();
    options.density.method = method;
    options.control.control = DivergenceControl::kMetropolisHastings;
    options.step_size.value = 1.5;
    ergon::Run run = started(*target, options, 12);
    const State before = run.state();
    run.step();
    const stein::Support support = {before.particles, before.score, at::ones({2}, at::kDouble), {}};
    const Tensor move = 1.5 * stein::velocity(support);
    const Tensor jacobian = stein::velocity_jacobian(support, target->hessian(before.particles));
    Tensor mixture = at::zeros_like(before.log_q), mean_acceptance = at::zeros_like(before.log_q);
    int moved = 0;
    for (const double r : {1.0, -1.0}) {
      const Tensor log_det =
          method == DensityMethod::kBlock
              ? stein::block_log_determinant(jacobian, at::full({2}, 1.5 * r, at::kDouble))
                    .log_abs_det
              : 1.5 * r * jacobian.diagonal(0, -2, -1).sum(-1);
      const Tensor there = before.particles + r * move;
      const Tensor alpha =
          (target->log_density(there) - before.log_density + log_det).clamp_max(0).exp();
      mixture = mixture + 0.5 * before.log_q.exp() * (alpha * (-log_det).exp() + 1 - alpha + 1e-8);
      moved += static_cast<int>(
          ((run.state().particles - there).abs().amax(-1) < 1e-12).sum().item<std::int64_t>());
    }
    expect_close(run.state().log_q, mixture.log(), tolerance<double>(),
                 std::string(to_name(method)));
    const int stayed = static_cast<int>(
        (run.state().particles == before.particles).all(-1).sum().item<std::int64_t>());
    EXPECT_EQ(moved + stayed, 20);
    EXPECT_GT(moved, 0);
    EXPECT_GT(stayed, 0);
  }
}

TEST(SamplerRun, AcceptanceIsThatOfTheStepsThatApplyIt) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = fixed_sampler();
  options.control.control = DivergenceControl::kMetropolisHastings;
  options.control.probability = 0;
  ergon::Run run = started(*target, options, 13);
  run.step();
  EXPECT_TRUE(std::isnan(run.trace().back().acceptance));
}

TEST(SamplerRun, JointSeriesAgreesWithTheExactDeterminantAndSaysWhenItDoesNotConverge) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = fixed_sampler();
  options.density.method = DensityMethod::kJoint;
  options.step_size.value = 0.05;
  const NamedTensors parameters = starting_parameters(options, 2, Seed(14));
  const Draws draws =
      InitialDistribution::from_parameters(parameters).sample_sets(1, 10, Seed(14).generator());
  const auto log_q = [&](JointMethod method, std::uint64_t seed) {
    options.density.joint = method;
    const auto sampler = make_sampler(options, parameters);
    const State start = sampler->init(*target, draws.particles, draws.log_q);
    const Transition next = sampler->step(*target, start, Seed(seed).generator());
    EXPECT_EQ(next.info.noninvertible, 0);
    return next.state.log_q.mean().item<double>();
  };
  constexpr int kRepetitions = 100;  // with probes of their own
  Tensor series = at::empty({kRepetitions}, at::kDouble);
  for (int i = 0; i < kRepetitions; ++i) series[i] = log_q(JointMethod::kSeries, 100 + i);
  const double error = series.std().item<double>() / std::sqrt(kRepetitions);
  const double difference = series.mean().item<double>() - log_q(JointMethod::kExact, 1);
  EXPECT_LT(std::abs(difference) / error, 4.0) << difference << " +- " << error;
  // Under a wide kernel all particles move together: |J| is M times |A_i|, and the series of a long
  // step diverges.
  options.bandwidth.value = 1000;
  options.step_size.value = 5;
  options.density.joint = JointMethod::kSeries;
  const auto normal = named_target("standard-normal");
  ergon::Run run = started(*normal, options, 15);
  run.step();
  EXPECT_EQ(run.trace().back().noninvertible, 2);
}

TEST(SamplerRun, SmallestShapesStayFiniteInBothPrecisions) {
  struct Shape {
    std::int64_t dim, particles;
  };
  for (const auto shape : {Shape{1, 2}, Shape{1, 5}, Shape{3, 2}}) {
    for (const auto precision : {Precision::kDouble, Precision::kSingle}) {
      for (const auto method :
           {DensityMethod::kFirstOrder, DensityMethod::kBlock, DensityMethod::kJoint}) {
        const auto target = named_target("standard-normal", shape.dim);
        SamplerOptions options = fixed_sampler();
        options.particles = shape.particles;
        options.precision = precision;
        options.density.method = method;
        options.bound.bound = StepBound::kSpectral;
        options.steps.steps = 3;
        ergon::Run run = started(*target, options, 16);
        while (run.status() == RunStatus::kRunning) run.step();
        EXPECT_TRUE(std::isfinite(run.trace().back().entropy))
            << shape.dim << " " << shape.particles;
        EXPECT_TRUE(run.state().particles.isfinite().all().item<bool>());
      }
    }
  }
}

TEST(SamplerRun, MetropolisWithProbabilityZeroIsThePlainStep) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = fixed_sampler();
  options.steps.steps = 5;
  ergon::Run plain = started(*target, options, 6);
  options.control.control = DivergenceControl::kMetropolisHastings;
  options.control.probability = 0;
  ergon::Run controlled = started(*target, options, 6);
  while (plain.status() == RunStatus::kRunning) plain.step();
  while (controlled.status() == RunStatus::kRunning) controlled.step();
  expect_same_bits(plain.state().particles, controlled.state().particles, "particles");
  expect_close(plain.state().log_q, controlled.state().log_q, tolerance<double>(), "log q");
}

TEST(SamplerRun, JointDensityIsALowerBoundOnLogZ) {
  // E[log p̄(X)/M - log q(X)/M] <= log Z = 0 for every sampler; first-order bounds can exceed it.
  const auto target = named_target("mixture-4");
  SamplerOptions options = fixed_sampler();
  options.density.method = DensityMethod::kJoint;
  options.sets = 16;
  options.steps.steps = 30;
  options.initial.stddev = 3;
  ergon::Run run = started(*target, options, 7);
  while (run.status() == RunStatus::kRunning) run.step();
  const Tensor bounds = (run.state().log_density - run.state().log_q).mean(-1);
  const double error = bounds.std().item<double>() / 4;
  EXPECT_LT(bounds.mean().item<double>(), 3 * error);
}

TEST(SamplerRun, RefusesForeignCheckpoints) {
  const auto target = named_target("mixture-4");
  ergon::Run run = started(*target, fixed_sampler(), 8);
  EXPECT_THROW(run.restore({{"x", at::zeros({3})}}, "other.npz"), InvalidInput);
  SamplerOptions larger = fixed_sampler();
  larger.particles = 11;
  ergon::Run other = started(*target, larger, 8);
  EXPECT_THROW(other.restore(run.checkpoint(), "other.npz"), InvalidInput);
}

TEST(SamplerRun, RefusesADensityThatIsNowhereFinite) {
  class Nowhere : public LogDensity {
   public:
    std::int64_t dim() const override { return 2; }
    Tensor log_density(const Tensor& x) const override { return x.sum(-1) * NAN; }
  };
  EXPECT_THROW(started(Nowhere(), fixed_sampler(), 9), InvalidInput);
}

TEST(SamplerRun, EndsWithTheStepThatReachesItsEvaluations) {
  const auto target = named_target("gaussian-worked");
  SamplerOptions options = sampler_preset(SamplerKind::kSvgd);
  options.particles = 10;
  options.sets = 2;
  options.steps.evaluations = 95;  // 20 a step, 20 to begin with
  ergon::Run run = started(*target, options, 1);
  while (run.status() == RunStatus::kRunning) run.step();
  EXPECT_EQ(run.status(), RunStatus::kFinished);
  EXPECT_EQ(run.state().step, 4);
  EXPECT_EQ(run.evaluations(), 100);
  EXPECT_EQ(run.trace()[2].evaluations, 60);
}

TEST(SamplerRun, KeepsChainsEvenlyAfterTheWarmUpThatStepsOrEvaluationsEnd) {
  const auto target = named_target("gaussian-worked");
  SamplerOptions options = sampler_preset(SamplerKind::kMala);
  options.particles = 4;
  options.step_size.rule = StepSizeRule::kFixed;
  options.steps.steps = 100;
  options.chain.warmup = 0.2;
  options.chain.draws = 5;
  ergon::Run run = started(*target, options, 2);
  while (run.status() == RunStatus::kRunning) run.step();
  EXPECT_EQ(run.warmup_steps(), 20);
  // 80 steps: thinned to every 16th once there were 10 of every 8th.
  EXPECT_EQ(run.chains().sizes().vec(), (std::vector<std::int64_t>{4, 5, 2}));
  EXPECT_TRUE(run.chains().select(1, 4).equal(run.state().particles[0]));

  options.steps.evaluations = 4 + 4 * 50;
  ergon::Run limited = started(*target, options, 2);
  while (limited.status() == RunStatus::kRunning) limited.step();
  EXPECT_EQ(limited.state().step, 50);
  EXPECT_EQ(limited.warmup_steps(), 10);  // 44 of 204 are more than a fifth
}

TEST(SamplerRun, APathThatDoesNotArriveSaysSo) {
  const auto target = named_target("mixture-4");
  SamplerOptions options = sampler_preset(SamplerKind::kSmc);
  options.steps.steps = 2;
  options.initial.stddev = 30;
  ergon::Run run = started(*target, options, 3);
  while (run.status() == RunStatus::kRunning) run.step();
  EXPECT_EQ(run.status(), RunStatus::kNotArrived);
  EXPECT_LT(run.trace().back().inverse_temperature, 1.0);
}

}  // namespace
}  // namespace ergon::testing
