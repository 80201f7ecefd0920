#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ergon/core/random.hpp"
#include "ergon/density/counting.hpp"
#include "sampler/chain_runs.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

constexpr std::int64_t kChains = 200000;

// Variance over independent chains of law N(0, v), and its standard error.
void expect_variance(const Tensor& x, double expected, const std::string& name) {
  const double found = x.square().mean().item<double>();
  const double error = expected * std::sqrt(2.0 / static_cast<double>(x.numel()));
  EXPECT_LT(std::abs(found - expected), 4 * error) << name << ": " << found;
}

// Unadjusted, x' = (1 - h) x + √(2h) ξ has variance 2h / (1 - (1 - h)²) = 1 / (1 - h/2).
TEST(SamplerLangevin, TheUnadjustedVarianceIsOffAsItsStepSaysAndTheAdjustedOneIsExact) {
  const Gaussian target = standard_normal(1);
  for (const double h : {0.2, 0.5, 1.0}) {
    const double biased = 1 / (1 - h / 2);
    const Tensor noise = at::randn({kChains, 1}, Seed(1).generator(), at::kDouble);
    const Ula ula(fixed_options(SamplerKind::kUla, h));
    const State start = ula.init(target, noise * std::sqrt(biased), Tensor());
    expect_variance(run_chains(ula, target, start, 10, Seed(2)).state.particles, biased, "ula");
    const Mala mala(fixed_options(SamplerKind::kMala, h));
    const ChainRun exact =
        run_chains(mala, target, mala.init(target, noise, Tensor()), 10, Seed(3));
    expect_variance(exact.state.particles, 1.0, "mala");
    EXPECT_LT(exact.acceptance, 0.999);
  }
}

TEST(SamplerLangevin, AMassScalesStepAndNoise) {
  // G = variances: h G / v = h for every coordinate, and the law N(0, v / (1 - h/2)).
  const Tensor variance = at::tensor({0.01, 25.0}, at::kDouble);
  const Gaussian target("gaussian", at::zeros({2}, at::kDouble), variance);
  SamplerOptions options = fixed_options(SamplerKind::kUla, 0.5);
  options.chain.mass = MassMatrix::kDiagonal;
  const Ula ula(options);
  const Tensor noise = at::randn({kChains / 2, 2}, Seed(4).generator(), at::kDouble);
  State state = ula.init(target, noise * (variance / 0.75).sqrt(), Tensor());
  remembered(state, "tuning.inverse_mass") = variance;
  state = run_chains(ula, target, ula.end_warmup(state), 10, Seed(5)).state;
  for (int coordinate = 0; coordinate < 2; ++coordinate) {
    const double scale = std::sqrt(variance[coordinate].item<double>());
    expect_variance(state.particles.select(1, coordinate) / scale, 1 / 0.75, "mass");
  }
}

TEST(SamplerLangevin, AnAdjustedMoveIsATrajectoryOfOneLeapfrogStep) {
  for (const auto& target : oracles()) {
    const Tensor start = *target->sample(50, Seed(6).generator());
    const Mala mala(fixed_options(SamplerKind::kMala, 0.18));
    SamplerOptions options = fixed_options(SamplerKind::kHmc, 0.6);
    options.chain.leapfrog_steps = 1;
    options.chain.path_length = PathLength::kFixed;
    const Hmc hmc(options);
    const Transition a =
        mala.step(*target, mala.init(*target, start, Tensor()), Seed(7).generator());
    const Transition b = hmc.step(*target, hmc.init(*target, start, Tensor()), Seed(7).generator());
    expect_close(a.state.particles, b.state.particles, tolerance<double>(), "particles");
    EXPECT_NEAR(a.info.step_size.item<double>(), 0.18, 1e-12);
    EXPECT_NEAR(b.info.step_size.item<double>(), 0.6, 1e-12);

    // And it is accepted as Roberts and Tweedie say, by the densities of proposals.
    Generator generator = Seed(7).generator();
    const Tensor noise = draw::normal_like(start, generator);
    const auto mean_from = [&](const Tensor& x) {
      return x + 0.18 * target->log_density_and_score(x).score;
    };
    const Tensor proposal = mean_from(start) + std::sqrt(0.36) * noise;
    const auto log_move = [&](const Tensor& from, const Tensor& to) {
      return target->log_density(from) - (to - mean_from(from)).square().sum(-1) / (4 * 0.18);
    };
    const Tensor acceptance =
        (log_move(proposal, start) - log_move(start, proposal)).clamp_max(0.0).exp();
    expect_close(a.info.acceptance, acceptance.mean(-1), tolerance<double>(), "acceptance");
  }
}

TEST(SamplerLangevin, AdjustedMovesKeepExactDrawsExact) {
  std::uint64_t seed = 20;
  for (const auto& target : oracles()) {
    expect_invariance(Mala(fixed_options(SamplerKind::kMala, 0.15)), *target, 20000, 20, ++seed);
  }
}

TEST(SamplerLangevin, CostsOneGradientPerParticleAndStepAndFollowsItsSchedule) {
  const Gaussian target = standard_normal(3);
  const CountingDensity counting(target);
  SamplerOptions options = fixed_options(SamplerKind::kUla, 0.2);
  options.step_size.schedule = StepSizeSchedule::kPower;
  options.step_size.decay = 1.0;
  const Ula ula(options);
  State state = ula.init(counting, at::randn({2, 6, 3}, Seed(8).generator(), at::kFloat), Tensor());
  for (int step = 0; step < 4; ++step) {
    const Transition next = ula.step(counting, state, Seed(9).generator());
    EXPECT_TRUE(next.info.step_size.allclose(at::full({2}, 0.2f / static_cast<float>(step + 1))));
    EXPECT_FALSE(next.info.acceptance.defined());
    EXPECT_EQ(next.state.particles.scalar_type(), at::kFloat);
    state = next.state;
  }
  EXPECT_EQ(counting.counts().gradient, 12 * 5);
}

class Hole : public LogDensity {
 public:
  std::int64_t dim() const override { return 2; }
  Tensor log_density(const Tensor& x) const override {
    const Tensor r = x.square().sum(-1);
    return at::where(r < 1, -r, at::full_like(r, std::numeric_limits<double>::quiet_NaN()));
  }
};

TEST(SamplerLangevin, MovesToPlacesWithoutANumberAreUndoneAndCounted) {
  const Hole target;
  const Ula ula(fixed_options(SamplerKind::kUla, 50.0));
  const State start = ula.init(target, at::zeros({40, 2}, at::kDouble), Tensor());
  const Transition next = ula.step(target, start, Seed(10).generator());
  const Tensor moved = (next.state.particles != 0).any(-1);
  EXPECT_EQ(next.info.nonfinite, 40 - moved.sum().item<std::int64_t>());
  EXPECT_GT(next.info.nonfinite, 30);
  EXPECT_TRUE(next.state.score.isfinite().all().item<bool>());
}

}  // namespace
}  // namespace ergon::testing
