#include "ergon/density/particle_system.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "density/targets.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::named;

const ParticleSystem& as_system(const std::unique_ptr<Target>& target) {
  return dynamic_cast<const ParticleSystem&>(*target);
}

/// log p̄ of one set of positions (n, d), by the definition: a sum over pairs and the trap.
template <class Pair>
double by_definition(const Tensor& positions, double trap, Pair pair) {
  double value = 0.0;
  for (std::int64_t i = 0; i < positions.size(0); ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      value -= pair((positions[i] - positions[j]).norm().item<double>());
    }
  }
  const Tensor centred = positions - positions.mean(0);
  return value - 0.5 * trap * centred.square().sum().item<double>();
}

double lennard_jones(double r) { return std::pow(r, -12) - 2 * std::pow(r, -6); }
double double_well(double r) { return 0.9 * std::pow(r - 4, 4) - 4 * std::pow(r - 4, 2); }

TEST(DensityParticleSystem, DimensionsLeaveOutTheCentreOfMass) {
  EXPECT_EQ(make_target(named("dw4"))->dim(), 6);
  EXPECT_EQ(make_target(named("lennard-jones-13"))->dim(), 36);
  EXPECT_EQ(make_target(named("lennard-jones-55"))->dim(), 162);
}

TEST(DensityParticleSystem, CoordinatesAreAnIsometryOfCentredPositions) {
  const auto target = make_target(named("lennard-jones-13"));
  const auto& system = as_system(target);
  const Tensor z = draw::normal_like(at::empty({2, 3, 36}, at::kDouble), Seed(51).generator());
  const Tensor x = system.positions(z);
  ASSERT_EQ(x.sizes(), at::IntArrayRef({2, 3, 13, 3}));
  EXPECT_LT(x.mean(-2).abs().max().item<double>(), 1e-14);
  expect_close(x.square().sum({-2, -1}), z.square().sum(-1), 1e-13, "length");
  expect_close(system.coordinates(x), z, 1e-13, "there and back");
  expect_close(system.coordinates(x + 5.0), z, 1e-12, "the centre of mass is taken off");
  EXPECT_THROW(system.coordinates(at::zeros({12, 3}, at::kDouble)), InvalidInput);
  EXPECT_THROW(system.positions(at::zeros({39}, at::kDouble)), InvalidInput);
}

TEST(DensityParticleSystem, LogDensitiesAreTheSumsOverPairs) {
  const std::vector<std::string> names = {"dw4", "lennard-jones-13", "lennard-jones-55"};
  for (const std::string& name : names) {
    const auto target = make_target(named(name));
    const Tensor z = testing::points_for(*target, 3);
    const Tensor x = as_system(target).positions(z);
    for (std::int64_t row = 0; row < 3; ++row) {
      const double expected = name == "dw4" ? by_definition(x[row], 0.0, double_well)
                                            : by_definition(x[row], 1.0, lennard_jones);
      EXPECT_NEAR(target->log_density(z)[row].item<double>() / expected, 1.0, 1e-12) << name;
    }
  }
}

TEST(DensityParticleSystem, FourInARowHaveTheEnergyWorkedOutByHand) {
  // Distances 4, 4, 4, 8, 8, 12: energies 0, 166.4 twice, 3430.4.
  const auto target = make_target(named("dw4"));
  const Tensor row = at::tensor({0., 0., 4., 0., 8., 0., 12., 0.}, at::kDouble).view({1, 4, 2});
  const Tensor z = as_system(target).coordinates(row);
  EXPECT_NEAR(target->log_density(z).item<double>(), -3763.2, 1e-10);
}

TEST(DensityParticleSystem, TwoLennardJonesParticlesRestAtDistanceOne) {
  const LennardJones pair("pair", 2, 3);
  const Tensor x = at::tensor({0.5, 0., 0., -0.5, 0., 0.}, at::kDouble).view({1, 2, 3});
  const auto both = pair.log_density_and_score(pair.coordinates(x));
  EXPECT_NEAR(both.log_density.item<double>(), 1.0 - 0.25, 1e-14);
  // Without a force between them, only the trap's: -x.
  expect_close(pair.positions(both.score), -x, 1e-13, "score");
}

TEST(DensityParticleSystem, RotationsReflectionsAndPermutationsChangeNothing) {
  for (const std::string& name : {"dw4", "lennard-jones-13"}) {
    const auto target = make_target(named(name));
    const auto& system = as_system(target);
    const Tensor z = testing::points_for(*target, 5);
    const auto here = target->log_density_and_score(z);
    const Tensor noise = draw::normal_like(at::empty({system.space(), system.space()}, at::kDouble),
                                           Seed(52).generator());
    const Tensor turn = std::get<0>(at::linalg_qr(noise));
    const Tensor order = at::arange(system.particles() - 1, -1, -1, at::kLong);
    const auto moved = [&](const Tensor& coordinates) {
      const Tensor x = at::matmul(system.positions(coordinates), turn);
      return system.coordinates(-x.index_select(-2, order));
    };
    const auto there = target->log_density_and_score(moved(z));
    expect_close(there.log_density, here.log_density, 1e-11, name + " log density");
    expect_close(there.score, moved(here.score), 1e-10, name + " score");
  }
}

TEST(DensityParticleSystem, CoincidentParticlesGiveFiniteNumbersInBothPrecisions) {
  for (const std::string& name : {"dw4", "lennard-jones-13", "lennard-jones-55"}) {
    const auto target = make_target(named(name));
    const auto& system = as_system(target);
    Tensor near = system.positions(testing::points_for(*target, 3)).clone();
    near.select(1, 1).copy_(near.select(1, 0));         // one pair in one place
    near[1].select(0, 1).add_(1e-5);                    // or almost
    near[2].select(0, 1).select(0, 0).add_(0.0100001);  // or at the edge of the core
    const Tensor all = at::zeros({1, target->dim()}, at::kDouble);
    const Tensor z = at::cat({system.coordinates(near), all});
    for (const auto type : {at::kDouble, at::kFloat}) {
      const Tensor points = z.to(type);
      const auto both = target->log_density_and_score(points);
      EXPECT_TRUE(at::isfinite(both.log_density).all().item<bool>()) << name;
      EXPECT_TRUE(at::isfinite(both.score).all().item<bool>()) << name;
      const Tensor product = target->hessian_vector_product(points, at::ones_like(points));
      EXPECT_TRUE(at::isfinite(product).all().item<bool>()) << name;
      EXPECT_EQ(both.score[3].abs().max().item<double>(), 0.0) << name;
    }
  }
}

TEST(DensityParticleSystem, TheCoreRepelsAndHasTheSlopeOfItsLogDensity) {
  const LennardJones pair("pair", 2, 1);
  const auto at_distance = [&](double r) {
    return pair.coordinates(at::tensor({0.5 * r, -0.5 * r}, at::kDouble).view({1, 2, 1}));
  };
  double before = pair.log_density(at_distance(0.0)).item<double>();
  EXPECT_NEAR(before, -7e24, 1e22);
  for (const double r : {0.004, 0.008, 0.012, 0.02}) {
    const double here = pair.log_density(at_distance(r)).item<double>();
    EXPECT_GT(here, before) << r;
    before = here;
    const Tensor z = at_distance(r);
    const Tensor by_autograd = pair.LogDensity::log_density_and_score(z).score;
    expect_close(pair.log_density_and_score(z).score, by_autograd, 1e-12, "score");
    EXPECT_GT(by_autograd.item<double>() * z.item<double>(), 0.0) << r;
  }
}

TEST(DensityParticleSystem, APairOnALineHasTheNormaliserOfItsDistance) {
  // z = (x_1 - x_2) / √2, so that ∫ exp log p̄ dz = √2 ∫_0^∞ exp(-e(r²) - r²/4) dr.
  const LennardJones pair("pair", 2, 1);
  constexpr double kStep = 1e-4;
  const Tensor z = at::arange(-12.0, 12.0, kStep, at::kDouble) + 0.5 * kStep;
  const double over_z = pair.log_density(z.unsqueeze(-1)).exp().sum().item<double>() * kStep;
  double over_r = 0.0;
  for (double r = 0.3; r < 17.0; r += kStep) over_r += std::exp(-lennard_jones(r) - r * r / 4);
  EXPECT_NEAR(over_z, std::sqrt(2.0) * over_r * kStep, 1e-9);
}

TEST(DensityParticleSystem, RefusesFewerThanTwo) {
  EXPECT_THROW(LennardJones("one", 1, 3), InvalidInput);
  EXPECT_THROW(DoubleWellParticles("flat", 4, 0), InvalidInput);
}

}  // namespace
}  // namespace ergon
