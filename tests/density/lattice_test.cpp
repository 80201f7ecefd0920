#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "density/targets.hpp"
#include "ergon/density/phi4.hpp"
#include "ergon/density/u1_lattice.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_close;

constexpr double kLog2Pi = 1.8378770664093454836;

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

TEST(DensityPhi4, OneExcitedSiteHasTheActionOfTheFormula) {
  Tensor x = at::zeros({1, 9}, at::kDouble);
  x[0][4] = 0.5;
  const double expected = -(4 * 0.25 - 4.75 * 0.25 + 5.1 * 0.0625);
  EXPECT_NEAR(Phi4(3).log_density(x).item<double>(), expected, 1e-14);
  x[0][5] = -0.5;  // a neighbour: -2 φ_x φ_y more in the action
  EXPECT_NEAR(Phi4(3).log_density(x).item<double>(), 2 * expected - 2 * 0.25, 1e-14);
}

TEST(DensityPhi4, IsTheSumOverSitesAndTheirFourNeighbours) {
  constexpr std::int64_t kSide = 5;
  const Tensor x = normal({1, kSide * kSide}, 41);
  const auto at_site = [&](std::int64_t row, std::int64_t column) {
    const auto wrapped = [](std::int64_t i) { return (i + kSide) % kSide; };
    return x[0][wrapped(row) * kSide + wrapped(column)].item<double>();
  };
  double action = 0.0;
  for (std::int64_t i = 0; i < kSide; ++i) {
    for (std::int64_t j = 0; j < kSide; ++j) {
      const double field = at_site(i, j);
      const double around =
          at_site(i + 1, j) + at_site(i - 1, j) + at_site(i, j + 1) + at_site(i, j - 1);
      action += field * (4 * field - around) + 0.7 * field * field + 0.2 * std::pow(field, 4);
    }
  }
  EXPECT_NEAR(Phi4(kSide, 0.7, 0.2).log_density(x).item<double>(), -action, 1e-11);
}

TEST(DensityPhi4, IsBlindToTheSignAndToTranslations) {
  const Phi4 target(4);
  const Tensor x = normal({6, 16}, 42);
  const Tensor value = target.log_density(x);
  expect_close(target.log_density(-x), value, 1e-13, "sign");
  const Tensor moved = at::roll(x.view({6, 4, 4}), {1, 2}, {1, 2}).reshape({6, 16});
  expect_close(target.log_density(moved), value, 1e-13, "translation");
}

TEST(DensityPhi4, RefusesAnActionWithoutABound) {
  EXPECT_THROW(Phi4(0), InvalidInput);
  EXPECT_THROW(Phi4(4, -1.0, 0.0), InvalidInput);
  EXPECT_THROW(Phi4(4, INFINITY, 1.0), InvalidInput);
}

/// log Z and E[cos P] of the 2 x 2 torus by the trapezoid rule over its three free plaquettes (the
/// fourth closes the surface), which converges faster than any power for periodic functions.
struct TwoByTwo {
  double log_z;
  double mean_plaquette;

  explicit TwoByTwo(double beta) {
    constexpr std::int64_t kNodes = 64;
    const Tensor line = at::arange(kNodes, at::kDouble) * (2 * M_PI / kNodes);
    const auto p = at::meshgrid({line, line, line}, "ij");
    const Tensor action = p[0].cos() + p[1].cos() + p[2].cos() + (p[0] + p[1] + p[2]).cos();
    const Tensor weight = (beta * (action - 4.0)).exp();
    log_z = std::log(weight.mean().item<double>()) + 4 * beta + 8 * kLog2Pi;
    mean_plaquette = ((weight * action).sum() / weight.sum()).item<double>() / 4;
  }
};

TEST(DensityU1Lattice, LogNormaliserAndEntropyAreThoseOfAQuadrature) {
  for (const double beta : {0.0, 1e-12, 0.3, 1.0, 5.0, 20.0}) {
    const U1Lattice target(2, beta);
    const TwoByTwo expected(beta);
    EXPECT_NEAR(*target.known().log_z, expected.log_z, 1e-11) << beta;
    EXPECT_NEAR(target.mean_plaquette(), expected.mean_plaquette, 1e-12) << beta;
    const double entropy = expected.log_z - 4 * beta * expected.mean_plaquette - 8 * (kLog2Pi - 2);
    EXPECT_NEAR(*target.known().entropy, entropy, 1e-10) << beta;
  }
}

TEST(DensityU1Lattice, LogNormaliserIsTheSumOfBesselFunctions) {
  for (const double beta : {1.0, 30.0, 500.0}) {
    const double largest = std::log(std::cyl_bessel_i(0, beta));
    double sum = 1.0;
    for (int n = 1; n < 200; ++n) {
      sum += 2 * std::exp(64 * (std::log(std::cyl_bessel_i(n, beta)) - largest));
    }
    const double expected = 128 * kLog2Pi + 64 * largest + std::log(sum);
    EXPECT_NEAR(*U1Lattice(8, beta).known().log_z / expected, 1.0, 1e-12) << beta;
  }
  EXPECT_NEAR(*U1Lattice(1, 3.0).known().log_z, 2 * kLog2Pi + 3.0, 1e-12);  // its plaquette is 0
}

TEST(DensityU1Lattice, UniformAnglesWeighItsNormaliserAndMoments) {
  // Logistic draws of u are uniform angles: importance sampling of the whole density.
  constexpr std::int64_t kDraws = 100000;
  const U1Lattice target(2, 0.7);
  const Tensor p = draw::uniform_like(at::empty({kDraws, 8}, at::kDouble), Seed(43).generator())
                       .clamp_min(1e-15);
  const Tensor u = p.log() - (-p).log1p();
  const Tensor log_q = (at::log_sigmoid(u) + at::log_sigmoid(-u)).sum(-1);
  const Tensor weight = (target.log_density(u) - log_q - *target.known().log_z).exp();
  const double root_n = std::sqrt(static_cast<double>(kDraws));
  const auto z_score = [&](const Tensor& term, double expected) {
    return std::abs(((term.mean() - expected) / term.std()).item<double>()) * root_n;
  };
  EXPECT_LT(z_score(weight, 1.0), 4.0);
  EXPECT_LT(z_score(weight * u.select(1, 0).square(), M_PI * M_PI / 3), 4.0);
  EXPECT_LT(z_score(weight * u.select(1, 0) * u.select(1, 1), 0.0), 4.0);
  EXPECT_LT(z_score(weight * u.select(1, 0) * u.select(1, 4), 0.0), 4.0);
}

TEST(DensityU1Lattice, PlaquettesAreGaugeInvariantAndCloseTheSurface) {
  const U1Lattice target(4, 1.0);
  const Tensor theta = target.angles(normal({3, 32}, 44));
  const Tensor gauge = normal({3, 4, 4}, 45);
  // θ_μ(x) -> θ_μ(x) + α(x) - α(x + e_μ)
  const Tensor change =
      at::stack({gauge - at::roll(gauge, -1, -2), gauge - at::roll(gauge, -1, -1)}, 1);
  const Tensor before = target.plaquettes(theta);
  const Tensor after = target.plaquettes(theta + change.reshape({3, 32}));
  expect_close(after, before, 1e-12, "gauge");
  EXPECT_LT(before.sum({-2, -1}).abs().max().item<double>(), 1e-12);
  EXPECT_GT(before.abs().max().item<double>(), 0.1);
}

TEST(DensityU1Lattice, OneTurnedLinkTurnsItsTwoPlaquettes) {
  const U1Lattice target(3, 2.0);
  Tensor u = at::zeros({1, 18}, at::kDouble);  // all angles 0
  const double at_rest = 18 * (kLog2Pi - 2 * std::log(2.0));
  EXPECT_NEAR(target.log_density(u).item<double>(), 2.0 * 9 + at_rest, 1e-12);
  u[0][4] = std::log(3.0);  // θ = 2π 3/4 - π = π/2; σ(u) σ(-u) = 3/16
  const double expected =
      2.0 * 7 + at_rest - kLog2Pi + 2 * std::log(2.0) + kLog2Pi + std::log(3.0 / 16);
  EXPECT_NEAR(target.log_density(u).item<double>(), expected, 1e-12);
}

TEST(DensityU1Lattice, RefusesWhatIsNoLattice) {
  EXPECT_THROW(U1Lattice(0, 1.0), InvalidInput);
  EXPECT_THROW(U1Lattice(4, -1.0), InvalidInput);
}

}  // namespace
}  // namespace ergon
