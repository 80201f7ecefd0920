#include "ergon/env/multigoal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

using ::testing::ElementsAre;

std::unique_ptr<Environment> environment_at(const std::string& name, PlanePoint point) {
  auto environment = make_environment({name, 0});
  environment->reset();
  EnvironmentState state = environment->state();
  state.numbers = {point.x, point.y, point.x, point.y, 0.0};
  environment->restore(state);
  return environment;
}

StepResult step(Environment& environment, double x, double y) {
  const double action[2] = {x, y};
  return environment.step(action);
}

double info_of(const Environment& environment, const std::string& name) {
  for (const auto& [key, value] : environment.info()) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name;
  return 0.0;
}

TEST(EnvMultigoal, AllFourStartAtTheOriginAndLastThirtySteps) {
  for (const MultigoalPlane& plane : multigoal_planes()) {
    auto environment = make_environment({plane.name, 0});
    environment->seed(5);
    environment->reset();
    EXPECT_THAT(environment->observation(), ElementsAre(0.0, 0.0));
    for (int t = 1; t <= 30; ++t) EXPECT_EQ(step(*environment, 0, 0).truncated, t == 30);
    EXPECT_THROW(step(*environment, 0, 0), InvalidInput);
  }
}

TEST(EnvMultigoal, RewardsOfAWalkToTheRightAreThoseWorkedOutByHand) {
  auto environment = make_environment({"Multigoal-v0", 0});
  environment->reset();
  // -(30 * 1 + d^2) for the distances 4, 3, 2, 1; then 0, within the goal: 10 more.
  for (const double expected : {-46.0, -39.0, -34.0, -31.0}) {
    const StepResult result = step(*environment, 1.0, 0.0);
    EXPECT_EQ(result.reward, expected);
    EXPECT_FALSE(result.over());
    EXPECT_EQ(info_of(*environment, "goal"), -1.0);
  }
  const StepResult last = step(*environment, 1.0, 0.0);
  EXPECT_EQ(last.reward, -20.0);
  EXPECT_TRUE(last.terminated);
  EXPECT_FALSE(last.truncated);
  EXPECT_EQ(info_of(*environment, "goal"), 0.0);
  EXPECT_THROW(step(*environment, 0, 0), InvalidInput);
}

TEST(EnvMultigoal, AGoalIsReachedWithinHalfAUnitNotAtIt) {
  auto at_border = environment_at("Multigoal-v0", {5.0, 1.0});
  EXPECT_FALSE(step(*at_border, 0.0, -0.5).terminated);
  auto within = environment_at("Multigoal-v0", {5.0, 1.0});
  EXPECT_TRUE(step(*within, 0.0, -0.5625).terminated);
}

TEST(EnvMultigoal, ActionsAndPositionsAreCut) {
  auto environment = make_environment({"Multigoal-v0", 0});
  environment->reset();
  const StepResult result = step(*environment, 9.0, -0.5);
  EXPECT_THAT(environment->observation(), ElementsAre(1.0, -0.5));
  EXPECT_EQ(result.reward, -(30 * 1.25 + 16.25));
  auto corner = environment_at("Multigoal-v0", {6.5, -6.75});
  const StepResult there = step(*corner, 1.0, -1.0);
  EXPECT_THAT(corner->observation(), ElementsAre(7.0, -7.0));
  EXPECT_EQ(there.reward, -(60.0 + 53.0));  // (5, 0) and (0, -5) are equally far
}

TEST(EnvMultigoal, TheThreeGoalsOfMaxEntropyAreAtOneDistance) {
  const auto plane = multigoal_plane("MultigoalMaxEntropy-v0");
  ASSERT_TRUE(plane.has_value());
  ASSERT_EQ(plane->goals.size(), 3u);
  for (const PlanePoint& goal : plane->goals) EXPECT_EQ(goal.x * goal.x + goal.y * goal.y, 25.0);
  auto environment = environment_at(plane->name, {-4.0, 2.0});
  EXPECT_TRUE(step(*environment, 0.0, 0.75).terminated);
  EXPECT_EQ(info_of(*environment, "goal"), 1.0);
  EXPECT_FALSE(multigoal_plane("Pendulum-v1").has_value());
}

TEST(EnvMultigoal, AStepThatMeetsTheWallIsNotTakenButPaidFor) {
  auto environment = environment_at("MultigoalObstacles-v0", {0.5, 2.5});
  const StepResult stopped = step(*environment, 0.0, 1.0);
  EXPECT_THAT(environment->observation(), ElementsAre(0.5, 2.5));
  EXPECT_EQ(stopped.reward, -(30.0 + 0.25 + 6.25));
  EXPECT_EQ(info_of(*environment, "wall_hits"), 1.0);
  step(*environment, 1.0, 0.0);
  step(*environment, 0.25, 1.0);  // ends at (1.75, 3.5): past the wall's end at (1.5, 3)
  EXPECT_THAT(environment->observation(), ElementsAre(1.75, 3.5));
  EXPECT_EQ(info_of(*environment, "wall_hits"), 1.0);
  auto free = environment_at("Multigoal-v0", {0.5, 2.5});
  step(*free, 0.0, 1.0);
  EXPECT_THAT(free->observation(), ElementsAre(0.5, 3.5));
}

TEST(EnvMultigoal, TheSlantingWallStopsOneOfTheTwoWaysToTheLeft) {
  auto up = environment_at("MultigoalMaxEntropyObstacles-v0", {-0.75, 0.5625});
  step(*up, -0.75, 0.5625);
  EXPECT_THAT(up->observation(), ElementsAre(-0.75, 0.5625));
  auto down = environment_at("MultigoalMaxEntropyObstacles-v0", {-0.75, -0.5625});
  step(*down, -0.75, -0.5625);
  EXPECT_THAT(down->observation(), ElementsAre(-1.5, -1.125));
}

TEST(EnvMultigoal, SegmentsMeetWhenTheyCrossTouchOrOverlap) {
  const PlaneWall wall = {{0, 0}, {4, 2}};
  struct Case {
    PlaneWall other;
    bool meet;
  };
  const std::vector<Case> cases = {
      {{{1, 2}, {3, 0}}, true},      // crosses
      {{{2, 1}, {2, 5}}, true},      // begins on it
      {{{0, 4}, {4, 2}}, true},      // end to end
      {{{2, 1}, {6, 3}}, true},      // overlaps along the line
      {{{-4, -2}, {8, 4}}, true},    // holds it
      {{{2, 1}, {2, 1}}, true},      // a point of it
      {{{6, 3}, {8, 4}}, false},     // the same line, apart
      {{{0, 1}, {4, 3}}, false},     // parallel
      {{{1, 2}, {1.5, 1}}, false},   // towards it, too short
      {{{5, 0}, {5, 9}}, false},     // past its end, across its line
      {{{3, 1}, {3, 1}}, false},     // a point beside it
      {{{-1, 3}, {-1, -3}}, false},  // past its beginning
  };
  for (const Case& one : cases) {
    const PlaneWall reverse = {one.other.to, one.other.from};
    EXPECT_EQ(segments_meet(wall, one.other), one.meet) << one.other.from.x << one.other.from.y;
    EXPECT_EQ(segments_meet(one.other, wall), one.meet);
    EXPECT_EQ(segments_meet(wall, reverse), one.meet);
  }
  EXPECT_TRUE(segments_meet({{1, -1}, {1, 1}}, {{0, 0}, {2, 0}}));  // upright against level
}

TEST(EnvMultigoal, ARestoredStateGoesOnWithTheSameBits) {
  auto original = make_environment({"MultigoalObstacles-v0", 0});
  original->reset();
  Pcg64 random(11);
  const auto next = [&] { return random.uniform(-1.0, 1.0); };
  for (int t = 0; t < 12; ++t) step(*original, next(), next());
  auto copy = make_environment({"MultigoalObstacles-v0", 0});
  copy->restore(original->state());
  EXPECT_EQ(copy->picture({}).bytes, original->picture({}).bytes);
  for (int t = 12; t < 30; ++t) {
    const double x = next();
    const double y = next();
    EXPECT_EQ(step(*copy, x, y).reward, step(*original, x, y).reward);
    EXPECT_EQ(copy->observation(), original->observation());
  }
}

TEST(EnvMultigoal, TrajectoriesAreCountedByTheirEnds) {
  const auto plane = multigoal_plane("MultigoalObstacles-v0");
  const PlaneCounts counts = count_trajectories(*plane, {{{{0, 0}, {5, 0.2}}, true, 0},
                                                         {{{0, 0}, {0, 4.8}}, true, 2},
                                                         {{{0, 0}, {0, 5.1}}, true, 0},
                                                         {{{0, 0}, {1, 1}}, false, 1}});
  EXPECT_THAT(counts.goals, ElementsAre(1, 0, 2, 0));
  EXPECT_EQ(counts.missed, 1);
  EXPECT_EQ(counts.hit, 2);
}

TEST(EnvMultigoal, TrajectoriesAreDrawnBlueLimeAndRed) {
  const auto plane = multigoal_plane("MultigoalObstacles-v0");
  const PictureSize size{730, 730};  // 50 pixels a unit, the origin at (365, 365)
  const Image8 image = draw_trajectories(
      *plane,
      {{{{0, 0}, {2, 0}}, true, 0}, {{{0, 0}, {-2, 0}}, true, 1}, {{{0, 0}, {0, -2}}, false, 0}},
      size);
  const auto pixel = [&](double x, double y) {
    const auto column = static_cast<std::size_t>(365 + 50 * x);
    const auto row = static_cast<std::size_t>(365 - 50 * y);
    const std::size_t at = 3 * (row * 730 + column);
    return std::vector<int>{image.bytes[at], image.bytes[at + 1], image.bytes[at + 2]};
  };
  const auto strongest = [](const std::vector<int>& rgb) {
    return std::max_element(rgb.begin(), rgb.end()) - rgb.begin();
  };
  EXPECT_EQ(strongest(pixel(2, 0)), 2);
  EXPECT_EQ(strongest(pixel(-2, 0)), 1);
  EXPECT_EQ(strongest(pixel(0, -2)), 0);
  const std::vector<int> wall = pixel(0, 3);
  EXPECT_LT(wall[0] + wall[1] + wall[2], 250);
  EXPECT_THROW(draw_trajectories(*plane, {}, {5, 5}), InvalidInput);
}

}  // namespace
}  // namespace ergon
