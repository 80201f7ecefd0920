#include "env/factories.hpp"

namespace ergon::internal {
namespace {

constexpr const char* kWalk =
    "S2AC's plane without noise, from the origin: actions are cut to [-1, 1]^2, positions to "
    "[-7, 7]^2; reward -(30 |a|^2 + squared distance to the nearest goal), and 10 more within 0.5 "
    "of it, which ends the episode; ";
constexpr const char* kWithWall = "a step that meets the wall is not taken.";

EnvironmentFamily multigoal(std::string name, std::string summary, std::string particular) {
  EnvironmentFamily family;
  family.name = std::move(name);
  family.summary = std::move(summary);
  family.max_episode_steps = 30;
  family.make = make_multigoal;
  family.versions = {{0, kWalk + std::move(particular)}};
  return family;
}

EnvironmentFamily pendulum() {
  EnvironmentFamily family;
  family.name = "Pendulum";
  family.summary = "swing a rod up with a weak motor and hold it upright";
  family.max_episode_steps = 200;
  family.make = make_pendulum;
  family.versions = {
      {1,
       "Gymnasium's rules, without MuJoCo: semi-implicit Euler steps of 0.05 s, gravity 10, speed "
       "and torque cut to their ranges; the observation is rounded to single precision, as "
       "there."}};
  return family;
}

}  // namespace

std::vector<EnvironmentFamily> plane_families() {
  return {pendulum(),
          multigoal("Multigoal", "walk in the plane to one of four goals",
                    "goals at (5, 0), (-5, 0), (0, 5) and (0, -5)."),
          multigoal("MultigoalMaxEntropy", "walk in the plane to one goal right or two left",
                    "goals at (5, 0), (-4, 3) and (-4, -3)."),
          multigoal("MultigoalObstacles", "four goals in the plane, one behind a wall",
                    std::string("Multigoal with a wall from (-1.5, 3) to (1.5, 3): ") + kWithWall),
          multigoal(
              "MultigoalMaxEntropyObstacles",
              "one goal right or two left in the plane, one behind a wall",
              std::string("MultigoalMaxEntropy with a wall from (-2, 0) to (0, 2): ") + kWithWall)};
}

}  // namespace ergon::internal
