// Ends and rewards by hand: states on either side of every bound, and numbers worked out on paper.
#include <gmock/gmock.h>

#include <cmath>

#include "env/bare_mujoco.hpp"

namespace ergon {
namespace {

using testing::Numbers;

/// Positions by their index.
using Pose = std::vector<std::pair<int, double>>;

/// What one step without action gives from the model's start with a pose and, for those that the
/// ground would lift, a vertical speed.
struct Case {
  std::string name;
  Pose pose;
  bool terminated;
  double survive;  ///< the reward_survive that is paid
  double vertical_speed = 0.0;
};

double term(const Environment& environment, const std::string& name) {
  for (const auto& [key, value] : environment.info()) {
    if (key == name) return value;
  }
  ADD_FAILURE() << environment.spec().name << " tells no " << name;
  return 0.0;
}

// Legs folded upwards, so that a low torso is in the air; a humanoid that lies in the air.
Pose folded(double height) { return {{1, height}, {3, -2.6}, {6, -2.6}}; }
Pose folded_hopper(double height) { return {{1, height}, {3, -2.6}}; }
Pose standing_ant(double height) {
  return {{2, height}, {8, 1.0}, {10, -1.0}, {12, -1.0}, {14, 1.0}};  // ankles within their limits
}
Pose lying(double height) { return {{2, height}, {3, std::sqrt(0.5)}, {5, std::sqrt(0.5)}}; }

// In a step of 8 ms a body at rest falls by 0.3 mm, in 15 ms
// by 1.1 mm, in 50 ms by 12 mm: 10 mm (an ant: 18 mm) or 20 mrad on either
// side of a bound decide.
const Case kCases[] = {{"Walker2d-v4", folded(0.79), true, 1.0},
                       {"Walker2d-v5", folded(0.79), true, 0.0},
                       {"Walker2d-v2", folded(0.81), false, 1.0},
                       {"Walker2d-v5", folded(0.81), false, 1.0},
                       {"Walker2d-v4", {{1, 1.99}}, false, 1.0},
                       {"Walker2d-v4", {{1, 2.01}}, true, 1.0},
                       {"Walker2d-v4", {{1, 1.9}, {2, 0.98}}, false, 1.0},
                       {"Walker2d-v4", {{1, 1.9}, {2, 1.02}}, true, 1.0},
                       {"Walker2d-v4", {{1, 1.9}, {2, -0.98}}, false, 1.0},
                       {"Walker2d-v5", {{1, 1.9}, {2, -1.02}}, true, 0.0},
                       {"Hopper-v4", folded_hopper(0.69), true, 1.0},
                       {"Hopper-v5", folded_hopper(0.69), true, 0.0},
                       {"Hopper-v4", folded_hopper(0.71), false, 1.0},
                       {"Hopper-v4", {{1, 5.0}}, false, 1.0},
                       {"Hopper-v4", {{1, 2.0}, {2, 0.19}}, false, 1.0},
                       {"Hopper-v3", {{1, 2.0}, {2, 0.21}}, true, 1.0},
                       {"Hopper-v5", {{1, 2.0}, {2, -0.21}}, true, 0.0},
                       {"Ant-v4", standing_ant(0.99), false, 1.0},
                       {"Ant-v4", standing_ant(1.03), true, 1.0},
                       {"Ant-v5", standing_ant(1.03), true, 0.0},
                       {"Ant-v4", {{2, 0.5}}, true, 1.0, -40.0},
                       {"Ant-v5", {{2, 0.5}}, true, 0.0, -40.0},
                       {"Humanoid-v4", {{2, 1.99}}, false, 5.0},
                       {"Humanoid-v4", {{2, 2.01}}, true, 5.0},
                       {"Humanoid-v5", {{2, 2.01}}, true, 0.0},
                       {"Humanoid-v2", lying(0.99), true, 5.0},
                       {"Humanoid-v5", lying(1.01), false, 5.0},
                       {"InvertedPendulum-v4", {{1, 0.18}}, false, 1.0},
                       {"InvertedPendulum-v4", {{1, 0.21}}, true, 1.0},
                       {"InvertedPendulum-v5", {{1, -0.21}}, true, 0.0},
                       {"InvertedDoublePendulum-v4", {{1, 1.3}}, true, 10.0},
                       {"InvertedDoublePendulum-v5", {{1, 1.3}}, true, 0.0},
                       {"InvertedDoublePendulum-v5", {{1, 0.5}}, false, 10.0}};

TEST(EnvTerminations, FollowTheBoundsOfEveryVersion) {
  for (const Case& c : kCases) {
    const auto environment = make_environment({c.name});
    EnvironmentState state = testing::quiet_start(c.name);
    const Numbers numbers(*environment);
    for (const auto& [index, value] : c.pose) numbers.positions(state)[index] = value;
    if (c.vertical_speed != 0.0) numbers.velocities(state)[2] = c.vertical_speed;
    environment->restore(state);
    const std::vector<double> still(environment->spec().action_low.size(), 0.0);
    const StepResult result = environment->step(still.data());
    const std::string where = c.name + " with position " + std::to_string(c.pose[0].first) +
                              " at " + std::to_string(c.pose[0].second);
    EXPECT_EQ(result.terminated, c.terminated) << where;
    EXPECT_FALSE(result.truncated) << where;
    EXPECT_EQ(term(*environment, "reward_survive"), c.survive) << where;
  }
}

TEST(EnvTerminations, HopperEndsWhenAJointTurnsTooFast) {
  for (const auto& [speed, terminated] : {std::pair{80.0, false}, {300.0, true}}) {
    const auto environment = make_environment({"Hopper-v4"});
    EnvironmentState state = testing::quiet_start("Hopper-v4");
    Numbers(*environment).positions(state)[1] = 3.0;
    Numbers(*environment).velocities(state)[0] = speed;
    environment->restore(state);
    const double still[3] = {};
    EXPECT_EQ(environment->step(still).terminated, terminated) << speed;
  }
}

// A cart without friction at 0.5 m/s, poles upright: after 0.05 s the tip, which MuJoCo knows as of
// a time step before, is at x = 0.5 * 0.04 and its height 1.2, so that the reward is
// 10 - 0.01 * 0.02^2 - 0.8^2.
TEST(EnvTerminations, DoublePendulumPaysForTheTipAsOfATimeStepBefore) {
  const auto environment = make_environment({"InvertedDoublePendulum-v4"});
  EnvironmentState state = testing::quiet_start("InvertedDoublePendulum-v4");
  Numbers(*environment).velocities(state)[0] = 0.5;
  environment->restore(state);
  const double still[1] = {};
  EXPECT_NEAR(environment->step(still).reward, 10.0 - 0.01 * 0.02 * 0.02 - 0.8 * 0.8, 1e-3);
}

// Reacher at the start: fingertip at (0.21, 0), target at (0.1, -0.1), both 0.01 high. v4 pays the
// distance before the step, whatever the step does.
TEST(EnvTerminations, ReacherPaysTheDistanceBeforeTheStepInVersionFour) {
  const double distance = std::hypot(0.11, 0.1);
  const double action[2] = {0.5, -1.0};
  for (const auto& [name, before] : {std::pair{"Reacher-v4", true}, {"Reacher-v5", false}}) {
    const auto environment = make_environment({name});
    const Numbers numbers(*environment);
    EnvironmentState state = testing::quiet_start(name);
    const double seen[] = {0.11, 0.1, 0.0};
    std::copy(seen, seen + 3, numbers.memory(state));
    environment->restore(state);
    const double reward = environment->step(action).reward;
    if (before) {
      EXPECT_NEAR(reward, -distance - 1.25, 1e-15);
    } else {
      EXPECT_GT(std::fabs(reward + distance + 1.25), 1e-4);
    }
  }
}

// Forward speed alone: a walker whose x is said to have been 0.04 m behind gains 0.04 / 0.008 on
// top of what it moves.
TEST(EnvTerminations, ForwardRewardIsTheDisplacementOverTheTimeOfAStep) {
  for (const auto& [name, rate, dt] : {std::tuple{"Walker2d-v4", 1.0, 0.008},
                                       {"Hopper-v4", 1.0, 0.008},
                                       {"HalfCheetah-v4", 1.0, 0.05},
                                       {"Swimmer-v4", 1.0, 0.04},
                                       {"Ant-v4", 1.0, 0.05},
                                       {"Humanoid-v4", 1.25, 0.015}}) {
    const auto environment = make_environment({name});
    EnvironmentState state = testing::quiet_start(name);
    const std::vector<double> still(environment->spec().action_low.size(), 0.0);
    environment->restore(state);
    const double reward = environment->step(still.data()).reward;
    Numbers(*environment).memory(state)[0] -= 0.04;
    environment->restore(state);
    EXPECT_NEAR(environment->step(still.data()).reward - reward, rate * 0.04 / dt, 1e-12) << name;
    EXPECT_NEAR(environment->spec().seconds_per_step, dt, 1e-15) << name;
  }
}

TEST(EnvTerminations, ControlsCostTheirSquares) {
  for (const auto& [name, weight] : {std::pair{"Walker2d-v4", 1e-3},
                                     {"Hopper-v4", 1e-3},
                                     {"HalfCheetah-v4", 0.1},
                                     {"Swimmer-v4", 1e-4},
                                     {"Ant-v4", 0.5},
                                     {"Humanoid-v4", 0.1},
                                     {"Reacher-v4", 1.0}}) {
    const auto environment = make_environment({name});
    environment->restore(testing::quiet_start(name));
    const std::vector<double> action(environment->spec().action_low.size(), 0.3);
    environment->step(action.data());
    EXPECT_NEAR(term(*environment, "reward_ctrl"),
                -weight * 0.09 * static_cast<double>(action.size()), 1e-15)
        << name;
  }
}

}  // namespace
}  // namespace ergon
