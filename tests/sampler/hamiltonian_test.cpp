#include "../../src/sampler/hamiltonian.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "ergon/core/random.hpp"
#include "ergon/density/affine.hpp"
#include "ergon/density/counting.hpp"
#include "ergon/sampler/moves.hpp"
#include "sampler/chain_runs.hpp"
#include "support/compare.hpp"
#include "support/named_target.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct PhasePoint {
  Tensor x, p;
};

// Leapfrog as it is written in textbooks, with momenta p ~ N(0, M): inverse_mass (D).
PhasePoint leapfrog(const LogDensity& target,
                    PhasePoint at,
                    double step_size,
                    const Tensor& inverse_mass,
                    std::int64_t steps) {
  for (std::int64_t step = 0; step < steps; ++step) {
    at.p = at.p + step_size / 2 * target.log_density_and_score(at.x).score;
    at.x = at.x + step_size * inverse_mass * at.p;
    at.p = at.p + step_size / 2 * target.log_density_and_score(at.x).score;
  }
  return at;
}

Tensor energy(const LogDensity& target, const PhasePoint& at, const Tensor& inverse_mass) {
  return (inverse_mass * at.p.square()).sum(-1) / 2 - target.log_density(at.x);
}

Dynamics dynamics_of(double step_size, const Tensor& inverse_mass, std::int64_t steps) {
  return {at::scalar_tensor(step_size, at::kDouble), inverse_mass, steps};
}

TEST(SamplerHamiltonian, AMoveIsTheTextbooksLeapfrogWithTheTextbooksAcceptance) {
  const Tensor inverse_mass = at::tensor({0.3, 2.5}, at::kDouble);
  for (const auto& target : oracles()) {
    const Tensor start = *target->sample(50, Seed(1).generator());
    const State state = evaluate(*target, start);
    Generator generator = Seed(2).generator(), same = Seed(2).generator();
    const HamiltonianMove move =
        hamiltonian_move(*target, {}, state, dynamics_of(0.35, inverse_mass, 3), generator);
    const PhasePoint first = {start, draw::normal_like(start, same) / inverse_mass.sqrt()};
    const Tensor uniform = draw::uniform_like(state.log_density, same);
    const PhasePoint last = leapfrog(*target, first, 0.35, inverse_mass, 3);
    const Tensor acceptance =
        (energy(*target, first, inverse_mass) - energy(*target, last, inverse_mass))
            .clamp_max(0.0)
            .exp();
    expect_close(move.acceptance, acceptance, tolerance<double>(), target->name() + " acceptance");
    const Tensor end = at::where((uniform < acceptance).unsqueeze(-1), last.x, start);
    expect_close(move.state.particles, end, tolerance<double>(), target->name() + " particles");
    const auto there = target->log_density_and_score(end);
    expect_close(move.state.log_density, there.log_density, tolerance<double>(), "log density");
    expect_close(move.state.score, there.score, tolerance<double>(), "score");
    EXPECT_GT((uniform < acceptance).sum().item<int>(), 10);
    EXPECT_LT((uniform < acceptance).sum().item<int>(), 50);
  }
}

// Of the map that the test above ties the move to.
TEST(SamplerHamiltonian, LeapfrogIsReversibleAndKeepsTheVolume) {
  const Tensor inverse_mass = at::tensor({0.3, 2.5}, at::kDouble);
  for (const auto& target : oracles()) {
    const Tensor x = *target->sample(20, Seed(3).generator());
    const PhasePoint first = {x, draw::normal_like(x, Seed(4).generator())};
    PhasePoint last = leapfrog(*target, first, 0.4, inverse_mass, 5);
    const PhasePoint back = leapfrog(*target, {last.x, -last.p}, 0.4, inverse_mass, 5);
    expect_close(back.x, first.x, 100 * tolerance<double>(), "x");
    expect_close(-back.p, first.p, 100 * tolerance<double>(), "p");
    // (n, 4, 4) of central differences.
    std::vector<Tensor> columns;
    const double width = 1e-5;
    for (std::int64_t coordinate = 0; coordinate < 4; ++coordinate) {
      const auto shifted = [&](double by) {
        Tensor both = at::cat({first.x, first.p}, -1);
        both.select(-1, coordinate).add_(by);
        const PhasePoint end =
            leapfrog(*target, {both.narrow(-1, 0, 2), both.narrow(-1, 2, 2)}, 0.4, inverse_mass, 5);
        return at::cat({end.x, end.p}, -1);
      };
      columns.push_back((shifted(width) - shifted(-width)) / (2 * width));
    }
    const Tensor volume = at::linalg_det(at::stack(columns, -1)).abs();
    expect_close(volume, at::ones_like(volume), 1e4 * tolerance<double>(), "volume");
  }
}

TEST(SamplerHamiltonian, TheEnergyErrorFallsWithTheSquareOfTheStep) {
  for (const auto& target : oracles()) {
    const State state = evaluate(*target, *target->sample(2000, Seed(5).generator()));
    const auto errors = [&](double step_size, std::int64_t steps) {
      Generator generator = Seed(6).generator();
      const Dynamics dynamics = dynamics_of(step_size, at::ones({2}, at::kDouble), steps);
      return -hamiltonian_move(*target, {}, state, dynamics, generator).acceptance.log();
    };
    const Tensor coarse = errors(0.04, 20), fine = errors(0.02, 40);
    EXPECT_GT(fine.max().item<double>(), 0.0);
    EXPECT_NEAR((coarse.sum() / fine.sum()).item<double>(), 4.0, 0.1) << target->name();
  }
}

TEST(SamplerHamiltonian, AsksForOneGradientPerParticleAndLeapfrogStepAndKeepsTheRest) {
  const Gaussian target = standard_normal(3);
  const CountingDensity counting(target);
  State state = evaluate(target, at::randn({2, 5, 3}, Seed(7).generator(), at::kFloat));
  state.step = 11;
  state.log_weight = at::ones({2, 5});
  state.memory = {{"x", at::ones({1})}};
  Generator generator = Seed(8).generator();
  const Dynamics dynamics = {at::full({2}, 0.3f), at::ones({2, 3}), 7};
  const HamiltonianMove move = hamiltonian_move(counting, {}, state, dynamics, generator);
  EXPECT_EQ(counting.counts().gradient, 2 * 5 * 7);
  EXPECT_EQ(move.state.particles.scalar_type(), at::kFloat);
  EXPECT_EQ(move.state.step, 11);
  EXPECT_TRUE(move.state.log_weight.equal(state.log_weight));
  EXPECT_EQ(move.state.memory.size(), 1u);
  EXPECT_EQ(move.acceptance.sizes(), state.log_density.sizes());
}

// Standard normal within a radius; beyond it `outside`, with a score of NaN.
class Walled : public LogDensity {
 public:
  explicit Walled(double outside) : outside_(outside) {}
  std::int64_t dim() const override { return 2; }
  Tensor log_density(const Tensor& x) const override {
    return log_density_and_score(x).log_density;
  }
  LogDensityAndScore log_density_and_score(const Tensor& x) const override {
    const Tensor r = x.square().sum(-1);
    const Tensor nan = at::full_like(x, std::numeric_limits<double>::quiet_NaN());
    return {at::where(r < 4, -r / 2, at::full_like(r, outside_)),
            at::where((r < 4).unsqueeze(-1), -x, nan)};
  }

 private:
  double outside_;
};

TEST(SamplerHamiltonian, PlacesWithoutADensityAreRejectedAndCountedOnlyIfNoNumber) {
  for (const double outside : {std::numeric_limits<double>::quiet_NaN(), -kInfinity}) {
    const Walled target(outside);
    const State state = evaluate(target, at::zeros({100, 2}, at::kDouble));
    Generator generator = Seed(9).generator();
    const Dynamics dynamics = dynamics_of(50.0, at::ones({2}, at::kDouble), 1);
    const HamiltonianMove move = hamiltonian_move(target, {}, state, dynamics, generator);
    EXPECT_EQ(move.nonfinite, std::isnan(outside) ? 100 : 0);
    EXPECT_EQ(move.divergent, std::isnan(outside) ? 100 : 0);
    EXPECT_TRUE(move.state.particles.equal(state.particles));
    EXPECT_EQ(move.acceptance.max().item<double>(), 0.0);
  }
}

TEST(SamplerHamiltonian, TheNormalCutAtAWallStaysExactWhereTrajectoriesCrossTheWall) {
  // |x|² = -2 log(1 - u (1 - e^{-2})) for the normal within radius 2.
  const Walled target(-kInfinity);
  const std::int64_t chains = 40000;
  const Tensor u = at::rand({chains, 2}, Seed(10).generator(), at::kDouble);
  const Tensor radius = (-2 * at::log1p(-u.select(1, 0) * (1 - std::exp(-2.0)))).sqrt();
  const Tensor angle = 2 * M_PI * u.select(1, 1);
  State state = evaluate(target, at::stack({radius * angle.cos(), radius * angle.sin()}, 1));
  const double exact = radius.square().mean().item<double>();
  const Tensor start = state.particles.square().sum(-1);
  Generator generator = Seed(11).generator();
  for (int step = 0; step < 10; ++step) {
    state = hamiltonian_move(target, {}, state, dynamics_of(0.7, at::ones({2}, at::kDouble), 4),
                             generator)
                .state;
  }
  const Tensor change = state.particles.square().sum(-1) - start;
  const double error = change.std().item<double>() / std::sqrt(static_cast<double>(chains));
  EXPECT_LT(std::abs(change.mean().item<double>()), 4 * error) << exact;
}

InitialDistribution wide_normal() {
  return InitialDistribution(at::tensor({1.0, -1.0}, at::kDouble).view({1, 2}),
                             at::log(at::tensor({2.0, 3.0}, at::kDouble).view({1, 2})));
}

TEST(SamplerHamiltonian, ATemperedPathMixesDensitiesAndScoresAndIgnoresTheTargetAtZero) {
  const auto initial = wide_normal();
  const auto targets = oracles();
  const Target& target = *targets[2];
  State state = evaluate(target, at::randn({3, 4, 2}, Seed(12).generator(), at::kDouble));
  state.log_density[0].fill_(-kInfinity);
  state.score[0].fill_(std::numeric_limits<double>::quiet_NaN());
  const Tensor beta = at::tensor({0.0, 0.4, 1.0}, at::kDouble);
  const auto [log_density, score] = TemperedPath{&initial, beta}.read(state);
  const auto of_initial = initial.log_density_and_score(state.particles);
  for (int set = 0; set < 3; ++set) {
    const double share = beta[set].item<double>();
    const auto mixed = [&](const Tensor& ours, const Tensor& start) {
      return share == 0 ? start[set].clone() : share * ours[set] + (1 - share) * start[set];
    };
    expect_close(log_density[set], mixed(state.log_density, of_initial.log_density),
                 tolerance<double>(), "log density");
    expect_close(score[set], mixed(state.score, of_initial.score), tolerance<double>(), "score");
  }
}

TEST(SamplerHamiltonian, TemperedMovesLeaveTheirOwnDensitiesInvariant) {
  // Between N(m₀, s₀²) and N(m, v) lie Gaussians of precision (1-β)/s₀² + β/v.
  const auto initial = wide_normal();
  const Tensor mean = at::tensor({-1.0, 2.0}, at::kDouble);
  const Tensor variance = at::tensor({0.5, 1.5}, at::kDouble);
  const Gaussian target("gaussian", mean, variance);
  const Tensor beta = at::tensor({0.0, 0.3, 1.0}, at::kDouble);
  const std::int64_t chains = 20000;
  const Tensor rows = beta.unsqueeze(-1);
  const Tensor start_variance = (2 * initial.log_stddev()).exp();
  const Tensor precision = (1 - rows) / start_variance + rows / variance;
  const Tensor centre =
      ((1 - rows) * initial.mean() / start_variance + rows * mean / variance) / precision;
  const Tensor noise = at::randn({3, chains, 2}, Seed(13).generator(), at::kDouble);
  State state = evaluate(target, centre.unsqueeze(1) + noise / precision.sqrt().unsqueeze(1));
  const Tensor start = state.particles;
  Generator generator = Seed(14).generator();
  const Dynamics dynamics = {at::tensor({3.0, 1.2, 1.0}, at::kDouble),
                             at::ones({3, 2}, at::kDouble), 2};
  double acceptance = 0;
  for (int step = 0; step < 5; ++step) {
    const HamiltonianMove move =
        hamiltonian_move(target, {&initial, beta}, state, dynamics, generator);
    state = move.state;
    acceptance += move.acceptance.mean().item<double>() / 5;
  }
  EXPECT_GT(acceptance, 0.3);
  EXPECT_LT(acceptance, 0.95);
  for (int power = 1; power <= 2; ++power) {
    const Tensor change = state.particles.pow(power) - start.pow(power);
    const Tensor error = change.std(1) / std::sqrt(static_cast<double>(chains));
    EXPECT_LT((change.mean(1) / error).abs().max().item<double>(), 4.0);
  }
}

TEST(SamplerHamiltonian, DenseMassesAreTheSameMoveInTurnedCoordinates) {
  // x = C z: a move with M⁻¹ = C Cᵀ in x is one with unit masses in z.
  const Tensor root = at::tensor({1.5, 0.0, -0.7, 0.4}, at::kDouble).view({2, 2});
  const auto target = named_target("gaussian-worked");
  const AffineDensity turned(*target, AffineMap(at::zeros({2}, at::kDouble), root));
  const Tensor z = at::randn({30, 2}, Seed(1).generator(), at::kDouble);
  Generator a = Seed(2).generator(), b = Seed(2).generator();
  const auto in_z = hamiltonian_move(turned, {}, evaluate(turned, z),
                                     dynamics_of(0.3, at::ones({2}, at::kDouble), 4), a);
  Dynamics dense = dynamics_of(0.3, root, 4);
  dense.mass = MassMatrix::kDense;
  const auto in_x =
      hamiltonian_move(*target, {}, evaluate(*target, at::matmul(z, root.t())), dense, b);
  expect_close(in_x.state.particles, at::matmul(in_z.state.particles, root.t()),
               tolerance<double>(), "x");
  expect_close(in_x.acceptance, in_z.acceptance, tolerance<double>(), "acceptance");
}

}  // namespace
}  // namespace ergon::testing
