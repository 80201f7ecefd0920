#include "ergon/density/planar_robot.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "density/targets.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_close;

double normal_log_density(double x, double stddev) {
  return -0.5 * x * x / (stddev * stddev) - std::log(stddev) - 0.5 * std::log(2 * M_PI);
}

TEST(DensityPlanarRobot, TheStretchedArmMissesItsGoalByThree) {
  const Tensor straight = at::zeros({1, 10}, at::kDouble);
  const double expected = normal_log_density(0, 1) + 9 * normal_log_density(0, 0.2) +
                          normal_log_density(3, 0.01) + normal_log_density(0, 0.01);
  EXPECT_NEAR(PlanarRobot(1).log_density(straight).item<double>(), expected, 1e-8);
  EXPECT_NEAR(PlanarRobot(4).log_density(straight).item<double>(), expected, 1e-8);
}

TEST(DensityPlanarRobot, IsTheFormulaAtABentArm) {
  Tensor theta = at::zeros({1, 10}, at::kDouble);
  std::vector<double> angles = {0.3, -0.2, 0.1, 0.4, -0.5, 0.2, 0.3, -0.1, 0.2, 0.15};
  double expected = normal_log_density(angles[0], 1);
  double x = 0.0;
  double y = 0.0;
  double direction = 0.0;
  for (std::size_t i = 0; i < angles.size(); ++i) {
    theta[0][static_cast<std::int64_t>(i)] = angles[i];
    if (i > 0) expected += normal_log_density(angles[i], 0.2);
    direction += angles[i];
    x += std::cos(direction);
    y += std::sin(direction);
  }
  expected += normal_log_density(x - 7, 0.01) + normal_log_density(y, 0.01);
  EXPECT_NEAR(PlanarRobot(1).log_density(theta).item<double>() / expected, 1.0, 1e-13);
}

TEST(DensityPlanarRobot, MirroringChangesNothing) {
  for (const std::int64_t goals : {1, 4}) {
    const PlanarRobot target(goals);
    const Tensor theta = testing::points_for(target, 20);
    const auto here = target.log_density_and_score(theta);
    const auto there = target.log_density_and_score(-theta);
    expect_close(there.log_density, here.log_density, 1e-13, "log density");
    expect_close(there.score, -here.score, 1e-12, "score");
  }
}

TEST(DensityPlanarRobot, AQuarterTurnOfTheWholeArmChangesOnlyThePriorOfItsFirstJoint) {
  const PlanarRobot target(4);
  const Tensor theta = testing::points_for(target, 20);
  Tensor turned = theta.clone();
  turned.select(1, 0).add_(M_PI / 2);
  const Tensor prior = 0.5 * (theta.select(1, 0).square() - turned.select(1, 0).square());
  expect_close(target.log_density(turned), target.log_density(theta) + prior, 1e-12, "turn");
  EXPECT_TRUE((target.log_density(theta) >= PlanarRobot(1).log_density(theta)).all().item<bool>());
}

TEST(DensityPlanarRobot, HasOneGoalOrFour) { EXPECT_THROW(PlanarRobot(2), InvalidInput); }

}  // namespace
}  // namespace ergon
