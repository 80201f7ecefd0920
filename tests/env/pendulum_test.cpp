#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/env/environment.hpp"

namespace ergon {
namespace {

using ::testing::ElementsAre;

constexpr double kPi = 3.14159265358979323846;

std::unique_ptr<Environment> pendulum() { return make_environment({"Pendulum-v1", 0}); }

/// A pendulum at an angle (rad from upright) and a speed.
std::unique_ptr<Environment> pendulum_at(double angle, double speed) {
  auto environment = pendulum();
  environment->reset();
  EnvironmentState state = environment->state();
  state.numbers = {angle, speed, 0.0};
  environment->restore(state);
  return environment;
}

double rounded(double value) { return static_cast<double>(static_cast<float>(value)); }

TEST(EnvPendulum, IsDescribedAsInGymnasium) {
  const EnvironmentSpec spec = pendulum()->spec();
  EXPECT_EQ(spec.observation_dim, 3);
  EXPECT_EQ(spec.action_dim, 1);
  EXPECT_THAT(spec.action_low, ElementsAre(-2.0));
  EXPECT_THAT(spec.action_high, ElementsAre(2.0));
  EXPECT_EQ(spec.max_episode_steps, 200);
  EXPECT_FALSE(spec.reward_threshold.has_value());
  EXPECT_EQ(spec.seconds_per_step, 0.05);
  EXPECT_EQ(spec.model, "");
}

// numpy.random.default_rng(seed).uniform([-pi, -1], [pi, 1]), twice.
TEST(EnvPendulum, StartsAreNumPysNumbersEpisodeAfterEpisode) {
  auto environment = pendulum();
  environment->seed(0);
  environment->reset();
  EXPECT_EQ(environment->state().numbers[0], 0.8605556614246863);
  EXPECT_EQ(environment->state().numbers[1], -0.4604265724722594);
  environment->reset();
  EXPECT_EQ(environment->state().numbers[0], -2.8841484100105235);
  EXPECT_EQ(environment->state().numbers[1], -0.9669447289429418);
  environment->seed(7);
  environment->reset();
  EXPECT_EQ(environment->state().numbers[0], 0.7859979977652181);
}

TEST(EnvPendulum, AStepAtRestUprightMovesByTheTorqueAlone) {
  auto environment = pendulum_at(0.0, 0.0);
  const double torque = 1.5;
  const StepResult result = environment->step(&torque);
  // speed' = (15 sin 0 + 3 * 1.5) * 0.05 = 0.225; angle' = 0.225 * 0.05.
  EXPECT_NEAR(environment->state().numbers[1], 0.225, 1e-15);
  EXPECT_NEAR(environment->state().numbers[0], 0.01125, 1e-15);
  EXPECT_NEAR(result.reward, -0.001 * 1.5 * 1.5, 1e-15);
  EXPECT_EQ(environment->observation()[0], rounded(std::cos(0.01125)));
  EXPECT_EQ(environment->observation()[1], rounded(std::sin(0.01125)));
  EXPECT_EQ(environment->observation()[2], rounded(0.225));
}

TEST(EnvPendulum, TheRewardTakesTheStateBeforeTheStep) {
  auto environment = pendulum_at(0.5 * kPi, 2.0);
  const double torque = 0.0;
  EXPECT_NEAR(environment->step(&torque).reward, -(0.25 * kPi * kPi + 0.4), 1e-14);
  // speed' = 2 + 15 * 0.05, angle' = pi/2 + 2.75 * 0.05.
  EXPECT_NEAR(environment->step(&torque).reward,
              -(std::pow(0.5 * kPi + 0.1375, 2) + 0.1 * 2.75 * 2.75), 1e-13);
}

TEST(EnvPendulum, TorqueAndSpeedAreCut) {
  const double strong = 100.0;
  const double allowed = 2.0;
  auto cut = pendulum_at(0.3, 0.0);
  auto plain = pendulum_at(0.3, 0.0);
  EXPECT_EQ(cut->step(&strong).reward, plain->step(&allowed).reward);
  EXPECT_EQ(cut->state().numbers, plain->state().numbers);
  auto fast = pendulum_at(0.5 * kPi, 7.9);
  fast->step(&allowed);
  EXPECT_EQ(fast->state().numbers[1], 8.0);
}

TEST(EnvPendulum, TheCostCountsTheAngleFromUprightWhateverTheTurns) {
  const double torque = 0.0;
  for (const double turns : {-2.0, -1.0, 0.0, 1.0, 3.0}) {
    auto environment = pendulum_at(0.4 + 2.0 * kPi * turns, 0.0);
    EXPECT_NEAR(environment->step(&torque).reward, -0.16, 1e-13) << turns;
  }
  auto below = pendulum_at(kPi, 0.0);  // belongs to [-pi, pi)
  EXPECT_NEAR(below->step(&torque).reward, -kPi * kPi, 1e-13);
}

// The same rules in NumPy: torques clip(2.5 sin(0.3 t), -2, 2) from default_rng(7)'s first start.
TEST(EnvPendulum, AnEpisodeIsTheOneComputedInNumPy) {
  auto environment = pendulum();
  environment->seed(7);
  environment->reset();
  double sum = 0.0;
  for (int t = 0; t < 200; ++t) {
    const double torque = 2.5 * std::sin(0.3 * t);
    const StepResult result = environment->step(&torque);
    sum += result.reward;
    EXPECT_FALSE(result.terminated);
    EXPECT_EQ(result.truncated, t == 199);
    if (t == 0) EXPECT_NEAR(result.reward, -0.6809043739632108, 1e-13);
    if (t == 9) {
      EXPECT_NEAR(sum, -56.41020315792302, 1e-11);
      EXPECT_THAT(environment->observation(),
                  ElementsAre(-0.97849041223526, -0.2062923014163971, 8.0));
    }
  }
  EXPECT_NEAR(sum, -983.0184564895726, 1e-9);
  const double torque = 0.0;
  EXPECT_THROW(environment->step(&torque), InvalidInput);
}

TEST(EnvPendulum, ARestoredStateGoesOnWithTheSameBitsAndPictures) {
  auto original = pendulum();
  original->seed(3);
  original->reset();
  const double torque = 0.7;
  for (int t = 0; t < 50; ++t) original->step(&torque);
  auto copy = pendulum();
  copy->restore(original->state());
  EXPECT_EQ(copy->picture({}).bytes, original->picture({}).bytes);
  for (int t = 50; t < 200; ++t) {
    EXPECT_EQ(copy->step(&torque).reward, original->step(&torque).reward);
    EXPECT_EQ(copy->observation(), original->observation());
  }
  copy->reset();
  original->reset();
  EXPECT_EQ(copy->state().numbers, original->state().numbers);
}

TEST(EnvPendulum, ThePictureShowsTheRodWhereItPoints) {
  const PictureSize size{260, 260};  // 100 pixels a metre, the axle at (130, 130)
  const auto reddish = [&](const Image8& image, int column, int row) {
    const std::size_t at = 3 * static_cast<std::size_t>(row * size.columns + column);
    return image.bytes[at] > image.bytes[at + 2] + 60;
  };
  const Image8 up = pendulum_at(0.0, 0.0)->picture(size);
  EXPECT_TRUE(reddish(up, 130, 50));
  EXPECT_FALSE(reddish(up, 50, 130));
  // Angles grow counter-clockwise: a quarter turn points to the left.
  const Image8 left = pendulum_at(0.5 * kPi, 0.0)->picture(size);
  EXPECT_TRUE(reddish(left, 50, 130));
  EXPECT_FALSE(reddish(left, 210, 130));
}

}  // namespace
}  // namespace ergon
