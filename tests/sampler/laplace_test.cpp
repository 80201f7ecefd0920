#include "ergon/sampler/laplace.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/density/gaussian.hpp"
#include "ergon/estimate/importance.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/run.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

const double kTight = tolerance<double>();

// log p̄ = 3 x - e^x: mode at log 3, curvature 3.
class Gumbel : public LogDensity {
 public:
  std::int64_t dim() const override { return 1; }
  Tensor log_density(const Tensor& x) const override { return (3.0 * x - x.exp()).squeeze(-1); }
};

// Grows without end along x.
class Slope : public LogDensity {
 public:
  std::int64_t dim() const override { return 1; }
  Tensor log_density(const Tensor& x) const override { return x.squeeze(-1); }
};

TEST(SamplerLaplace, IsExactForAGaussianFromAnywhere) {
  const auto target = named_target("gaussian-worked");
  const KnownAnswers known = target->known();
  const LaplaceFit fit = fit_laplace(*target, at::tensor({50.0, -80.0}, at::kDouble));
  expect_close(fit.mode, *known.mean, kTight, "mode");
  expect_close(at::matmul(fit.scale, fit.scale.t()), *known.covariance, kTight, "covariance");
  EXPECT_NEAR(fit.log_z, 0.0, 1e-12);
  EXPECT_TRUE(fit.scale.equal(fit.scale.tril()));
}

TEST(SamplerLaplace, FindsTheModeAndCurvatureOfASkewedDensity) {
  for (const double start : {-20.0, 0.0, 6.0}) {
    const LaplaceFit fit = fit_laplace(Gumbel(), at::tensor({start}, at::kDouble));
    EXPECT_NEAR(fit.mode.item<double>(), std::log(3.0), 1e-6) << start;
    EXPECT_NEAR(fit.scale.item<double>(), 1 / std::sqrt(3.0), 1e-6) << start;
    // ∫ exp(3x - e^x) dx = Γ(3) = 2; Stirling's formula is its Laplace approximation.
    EXPECT_NEAR(fit.log_z, 3 * std::log(3.0) - 3 + 0.5 * std::log(2 * M_PI / 3), 1e-9) << start;
  }
}

TEST(SamplerLaplace, SaysWhyThereIsNoGaussian) {
  const auto message = [](const LogDensity& target, const Tensor& start) -> std::string {
    try {
      fit_laplace(target, start);
    } catch (const NumericalFailure& failure) {
      return failure.what();
    }
    return "found";
  };
  EXPECT_THAT(message(Slope(), at::zeros({1}, at::kDouble)), HasSubstr("mode"));
  EXPECT_THAT(message(Gumbel(), at::tensor({1000.0}, at::kDouble)), HasSubstr("not finite"));
  // Between two wells: a stationary point that is no peak.
  EXPECT_THAT(message(*named_target("double-well", 2), at::zeros({2}, at::kDouble)),
              HasSubstr("not that of a peak"));
  EXPECT_THROW(fit_laplace(Gumbel(), at::zeros({2}, at::kDouble)), InvalidInput);
}

TEST(SamplerLaplace, ItsDrawsHaveTheDensityOfTheWidenedGaussian) {
  const auto target = named_target("gaussian-worked");
  SamplerOptions options = sampler_preset(SamplerKind::kLaplace);
  options.initial.stddev = 1.5;
  ergon::Run run(*target, options, starting_parameters(options, *target, Seed(1)), Seed(2));
  EXPECT_EQ(run.status(), RunStatus::kFinished);
  const State& state = run.state();
  const KnownAnswers known = target->known();
  const Gaussian wide("wide", *known.mean, 2.25 * *known.covariance);
  expect_close(state.log_q, wide.log_density(state.particles), 1e-9, "log q");
  expect_close(state.log_density, target->log_density(state.particles), 1e-9, "log density");
  const auto found = importance_estimates(
      {(state.log_density - state.log_q).flatten(), state.log_density.flatten()});
  EXPECT_LT(std::abs(found.log_z.value / found.log_z.standard_error), 4.0);
  EXPECT_LT(found.log_z.standard_error, 0.02);
}

TEST(SamplerLaplace, PreconditioningMakesAnIllConditionedGaussianStandard) {
  const Gaussian target("gaussian", at::full({4}, 7.0, at::kDouble),
                        at::tensor({1e-6, 1e-2, 1e2, 1e6}, at::kDouble));
  SamplerOptions options = sampler_preset(SamplerKind::kMala);
  options.precondition = Precondition::kLaplace;
  options.chain.mass = MassMatrix::kIdentity;
  options.steps.steps = 400;
  const NamedTensors parameters = starting_parameters(options, target, Seed(1));
  ergon::Run run(target, options, parameters, Seed(3));
  while (run.status() == RunStatus::kRunning) run.step();
  const Tensor draws = run.chains().reshape({-1, 4});
  const Tensor stddev = draws.std(0, true);
  expect_close(stddev / at::tensor({1e-3, 1e-1, 1e1, 1e3}, at::kDouble), at::ones({4}, at::kDouble),
               0.15, "standard deviations");
}

}  // namespace
}  // namespace ergon::testing
