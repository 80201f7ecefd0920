#include "ergon/sampler/transport.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/density/affine.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/density/gaussian.hpp"
#include "ergon/estimate/importance.hpp"
#include "ergon/sampler/make_sampler.hpp"
#include "ergon/sampler/parameters.hpp"
#include "ergon/sampler/run.hpp"
#include "ergon/sampler/stein_flow.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"
#include "support/recorded_run.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

const double kTight = tolerance<double>();

SamplerOptions flow_options(std::int64_t particles = 2000) {
  SamplerOptions options = sampler_preset(SamplerKind::kFlow);
  options.particles = particles;
  return options;
}

/// A finished run of `flow` through the map.
ergon::Run transported(const LogDensity& target,
                       const SamplerOptions& options,
                       std::shared_ptr<const Bijection> map) {
  ergon::Run run(target, options, std::move(map),
                 starting_parameters(options, target.dim(), Seed(1)), Seed(2));
  while (run.status() == RunStatus::kRunning) run.step();
  return run;
}

Tensor log_weights(const State& state) { return (state.log_density - state.log_q).flatten(); }

ImportanceEstimates estimates_of(const State& state) {
  return importance_estimates({log_weights(state), state.log_density.flatten()});
}

std::shared_ptr<AffineMap> affine_map(const Tensor& location, const Tensor& covariance) {
  return std::make_shared<AffineMap>(location, at::linalg_cholesky(covariance));
}

/// The identity, but for what `replace` makes of its results.
class Altered : public Bijection {
 public:
  explicit Altered(std::function<Mapped(Mapped)> replace) : replace_(std::move(replace)) {}
  std::int64_t dim() const override { return 1; }
  Mapped forward(const Tensor& z) const override {
    return replace_({z, at::zeros(z.sizes().slice(0, z.dim() - 1), z.options())});
  }
  Mapped inverse(const Tensor& x) const override { return forward(x); }

 private:
  std::function<Mapped(Mapped)> replace_;
};

/// exp(-x²/2) where x < 1, else zero: log Z = log √(2π) Φ(1).
class HalfLine : public LogDensity {
 public:
  std::int64_t dim() const override { return 1; }
  Tensor log_density(const Tensor& x) const override {
    const Tensor value = x.squeeze(-1);
    const double none = -std::numeric_limits<double>::infinity();
    return at::where(value < 1, -0.5 * value.square(), at::full_like(value, none));
  }
  static double log_z() { return std::log(0.5 * std::erfc(-std::sqrt(0.5))) + half_log_two_pi(); }
  static double half_log_two_pi() { return 0.5 * std::log(2 * M_PI); }
};

TEST(SamplerTransport, AMapOntoTheTargetGivesEqualWeightsAndLogZWithoutError) {
  const auto target = named_target("gaussian-worked");
  const KnownAnswers known = target->known();
  const ergon::Run run =
      transported(*target, flow_options(), affine_map(*known.mean, *known.covariance));
  EXPECT_EQ(run.status(), RunStatus::kFinished);
  EXPECT_EQ(run.state().step, 1);
  EXPECT_LT(log_weights(run.state()).abs().max().item<double>(), 1e-12);
  const ImportanceEstimates found = estimates_of(run.state());
  EXPECT_NEAR(found.log_z.value, 0.0, 1e-12);
  EXPECT_NEAR(found.ess_share, 1.0, 1e-12);
  EXPECT_NEAR(found.entropy.value, *known.entropy, 4 * found.entropy.standard_error);
}

TEST(SamplerTransport, TheDensityIsThatOfTheInitialDrawsOverTheDeterminant) {
  const auto target = named_target("gaussian-worked");
  SamplerOptions options = flow_options(50);
  options.initial.mean = {0.5, -2.0};
  options.initial.stddev = 1.7;
  options.sets = 3;
  const Tensor location = at::tensor({0.3, 0.9}, at::kDouble);
  const Tensor covariance = at::tensor({1.5, 0.4, 0.4, 0.6}, at::kDouble).view({2, 2});
  const State state = transported(*target, options, affine_map(location, covariance)).state();
  // x = m + s (l + L z): N(m + s l, s² L Lᵀ).
  const Gaussian law("law", at::tensor({0.5, -2.0}, at::kDouble) + 1.7 * location,
                     1.7 * 1.7 * covariance);
  expect_close(state.log_q, law.log_density(state.particles), kTight, "log q");
  expect_close(state.log_density, target->log_density(state.particles), kTight, "log density");
  const Tensor flat = state.particles.reshape({-1, 2});
  const Tensor z = (flat - law.known().mean->unsqueeze(0)).mean(0) /
                   (law.known().covariance->diagonal() / 150).sqrt();
  EXPECT_LT(z.abs().max().item<double>(), 4.0);
}

TEST(SamplerTransport, ThroughASteinFlowTheWeightsAreExactAndLogZIsUnbiased) {
  const auto target = named_target("mixture-4");
  // A run from N(0, I) in the coordinates of the steps, x = 2.5 z.
  const AffineDensity whitened(*target,
                               {at::zeros({2}, at::kDouble), 2.5 * at::eye(2, at::kDouble)});
  const SteinFlow flow = recorded_flow(whitened, {40, 15, 0.6, 0.05, 1.0}, Seed(3));
  SamplerOptions options = flow_options(1000);
  options.initial.stddev = 2.5;
  const State state = transported(*target, options, std::make_shared<SteinFlow>(flow)).state();
  const Tensor in_z = state.particles.reshape({-1, 2}) / 2.5;
  expect_close(state.log_q.flatten(), flow.log_prob(in_z) - 2 * std::log(2.5), 1e-8, "log q");
  const ImportanceEstimates found = estimates_of(state);
  ASSERT_LT(found.log_z.standard_error, 0.2);
  EXPECT_LT(std::abs(found.log_z.value - *target->known().log_z), 4 * found.log_z.standard_error);
}

TEST(SamplerTransport, APlaceOfDensityZeroIsADrawOfWeightZero) {
  const HalfLine target;
  const auto identity = std::make_shared<Altered>([](Mapped mapped) { return mapped; });
  const ergon::Run run = transported(target, flow_options(), identity);
  EXPECT_EQ(run.trace().back().nonfinite, 0);
  const Tensor weight = log_weights(run.state()).exp();
  const Tensor inside = run.state().particles.flatten() < 1;
  EXPECT_TRUE((weight > 0).equal(inside));
  EXPECT_FALSE(inside.all().item<bool>());
  const ImportanceEstimates found = estimates_of(run.state());
  EXPECT_LT(std::abs(found.log_z.value - HalfLine::log_z()), 4 * found.log_z.standard_error);
  EXPECT_LT(found.log_z.standard_error, 0.02);
}

TEST(SamplerTransport, ADrawThatIsSentToInfinityStaysAndCountsNothing) {
  const auto target = named_target("gaussian", 1);
  for (const bool by_points : {true, false}) {
    const auto map = std::make_shared<Altered>([by_points](Mapped mapped) {
      const Tensor far = mapped.points.squeeze(-1) > 1;
      const double infinity = std::numeric_limits<double>::infinity();
      Tensor& damaged = by_points ? mapped.points : mapped.log_det;
      damaged = damaged.masked_fill(by_points ? far.unsqueeze(-1) : far, infinity);
      return mapped;
    });
    const ergon::Run run = transported(*target, flow_options(), map);
    const State& state = run.state();
    const Tensor far = state.particles.squeeze(-1) > 1;
    EXPECT_EQ(run.status(), RunStatus::kFinished);
    EXPECT_EQ(run.trace().back().nonfinite, far.sum().item<std::int64_t>());
    EXPECT_GT(run.trace().back().nonfinite, 0);
    EXPECT_TRUE(state.particles.isfinite().all().item<bool>());
    EXPECT_TRUE(state.log_q.isfinite().all().item<bool>());
    EXPECT_TRUE((state.log_density == -std::numeric_limits<double>::infinity()).equal(far));
  }
}

TEST(SamplerTransport, ManyParticlesGoThroughTheMapByPiecesInTheirOrder) {
  const auto target = named_target("gaussian", 1);
  std::vector<std::int64_t> pieces;
  const auto map = std::make_shared<Altered>([&pieces](Mapped mapped) {
    pieces.push_back(mapped.log_det.numel());
    // z -> sinh z
    return Mapped{mapped.points.sinh(), mapped.points.squeeze(-1).cosh().log()};
  });
  SamplerOptions options = flow_options(4001);
  options.initial.stddev = 1.0;
  options.sets = 3;
  const State state = transported(*target, options, map).state();
  EXPECT_EQ(pieces, (std::vector<std::int64_t>{5000, 5000, 2003}));
  const Tensor z = state.particles.squeeze(-1).asinh();
  const Tensor log_q = -0.5 * z.square() - HalfLine::half_log_two_pi() - z.cosh().log();
  expect_close(state.log_q, log_q, kTight, "log q");
}

TEST(SamplerTransport, AsksForOneGradientAtEveryParticleBeforeAndAfter) {
  const auto target = named_target("gaussian-worked");
  const CountingDensity counting(*target);
  const KnownAnswers known = target->known();
  transported(counting, flow_options(70), affine_map(*known.mean, *known.covariance));
  EXPECT_EQ(counting.counts().gradient, 140);
  EXPECT_EQ(counting.counts().log_density, 140);
  EXPECT_EQ(counting.counts().hessian_vector, 0);
}

TEST(SamplerTransport, IsDifferentiableInTheMap) {
  const auto target = named_target("gaussian-worked");
  const Tensor location = at::tensor({0.3, 0.9}, at::kDouble).set_requires_grad(true);
  const SamplerOptions options = flow_options(20);
  const Transport sampler(options, std::make_shared<AffineMap>(location, at::eye(2, at::kDouble)));
  const Tensor z = draw::normal_like(at::empty({20, 2}, at::kDouble), Seed(4).generator());
  const State start = sampler.init(*target, z, -0.5 * z.square().sum(-1));
  const State end = sampler.step(*target, start, Seed(5).generator()).state;
  (end.log_q - end.log_density).sum().backward();
  expect_close(location.grad(), -target->log_density_and_score(z + location.detach()).score.sum(0),
               kTight, "gradient");
}

TEST(SamplerTransport, SaysWhatIsMissingAndWhatDoesNotFit) {
  const auto target = named_target("gaussian-worked");
  const auto one = std::make_shared<Altered>([](Mapped mapped) { return mapped; });
  const auto message = [](const std::function<void()>& act) -> std::string {
    try {
      act();
    } catch (const InvalidInput& error) {
      return error.what();
    }
    return "accepted";
  };
  const SamplerOptions options = flow_options(20);
  const NamedTensors parameters = starting_parameters(options, 2, Seed(1));
  EXPECT_THAT(message([&] { make_sampler(options, parameters); }), HasSubstr("none was given"));
  EXPECT_THAT(message([&] { make_sampler(sampler_preset(SamplerKind::kSvgd), {}, one); }),
              HasSubstr("takes no map"));
  EXPECT_THAT(message([&] { ergon::Run(*target, options, one, parameters, Seed(1)); }),
              HasSubstr("the map is one of R^1, the target has 2 dimensions"));
  SamplerOptions stepped = options;
  stepped.steps.steps = 3;
  EXPECT_THAT(message([&] { stepped.validate(); }),
              HasSubstr("--steps does nothing under --sampler flow"));
}

}  // namespace
}  // namespace ergon::testing
