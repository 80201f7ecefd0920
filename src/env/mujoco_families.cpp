#include "env/factories.hpp"

namespace ergon::internal {
namespace {

constexpr const char* kSecond =
    "The rules of v2 (those of v4) on this MuJoCo; published v2 results were made with MuJoCo 1.50 "
    "to 2.1, whose motion differs slightly.";
constexpr const char* kThird = "As v2.";
constexpr const char* kSecondForces =
    "Gymnasium's observations with contact forces, which MuJoCo 2.0 and later leave zero there and "
    "which are zero here, so that they cost nothing; MuJoCo 1.50 had them.";
constexpr const char* kHealthyPay = " The step that ends an episode no longer pays for health.";

std::vector<EnvironmentVersion> versions(std::string fourth, std::string fifth) {
  return {{2, kSecond}, {3, kThird}, {4, std::move(fourth)}, {5, std::move(fifth)}};
}

std::vector<EnvironmentVersion> without_third(std::string fourth, std::string fifth) {
  return {{2, kSecond}, {4, std::move(fourth)}, {5, std::move(fifth)}};
}

std::vector<EnvironmentVersion> with_zero_forces(std::string fourth, std::string fifth) {
  return {{2, kSecondForces}, {3, kThird}, {4, std::move(fourth)}, {5, std::move(fifth)}};
}

std::vector<EnvironmentFamily> walkers() {
  return {
      {"Walker2d", "two legs walk forward in a plane without falling", 1000, std::nullopt,
       "walker2d.xml", make_walker2d,
       versions("Reward dx/dt + 1 - 0.001 |a|^2, the 1 on every step; ends when the torso leaves "
                "heights of 0.8 to 2 or leans by more than 1 rad.",
                std::string("As v4, but the right foot has the sliding friction 1.9 of the left "
                            "(0.9 before).") +
                    kHealthyPay)},
      {"Hopper", "one leg hops forward in a plane without falling", 1000, 3800.0, "hopper.xml",
       make_hopper,
       versions("Reward dx/dt + 1 - 0.001 |a|^2, the 1 on every step; ends below a height of 0.7, "
                "leaning by 0.2 rad, or when a joint or a speed reaches 100.",
                std::string("As v4.") + kHealthyPay)},
      {"HalfCheetah", "a runner with two legs races forward in a plane", 1000, 4800.0,
       "half_cheetah.xml", make_half_cheetah,
       versions("Reward dx/dt - 0.1 |a|^2; never ends early.", "As v4.")},
      {"Ant", "four legs walk forward without falling over", 1000, 6000.0, "ant.xml", make_ant,
       with_zero_forces(
           "Reward dx/dt + 1 - 0.5 |a|^2; ends when the torso leaves heights of 0.2 to "
           "1; contact forces are not observed.",
           std::string("As v4, but contact forces on the bodies, cut to [-1, 1], are "
                       "observed and cost 0.0005 |forces|^2.") +
               kHealthyPay)},
      {"Humanoid", "a body with arms and legs walks forward without falling", 1000, std::nullopt,
       "humanoid.xml", make_humanoid,
       with_zero_forces(
           "Reward 1.25 dx/dt of the centre of mass + 5 - 0.1 |controls|^2; contact forces are "
           "observed and cost nothing; ends when the torso leaves heights of 1 to 2.",
           std::string("As v4, but without the world's rows and the free joint's actuator forces "
                       "in the observation, and contact forces cost min(5e-7 |forces|^2, 10).") +
               kHealthyPay)},
      {"Swimmer", "three links swim forward in a viscous fluid", 1000, 360.0, "swimmer.xml",
       make_swimmer, versions("Reward dx/dt - 0.0001 |a|^2; never ends early.", "As v4.")}};
}

std::vector<EnvironmentFamily> machines() {
  return {
      {"Reacher", "an arm of two links reaches for a target in the plane", 50, -3.75, "reacher.xml",
       make_reacher,
       without_third("Reward -(distance before the step) - |a|^2; 11 observed numbers.",
                     "Reward -(distance after the step) - |a|^2; the fingertip's height, always "
                     "the target's, is not observed.")},
      {"InvertedPendulum", "hold a pole upright on a cart", 1000, 950.0, "inverted_pendulum.xml",
       make_inverted_pendulum,
       without_third("Reward 1 on every step; ends when the pole leans by more than 0.2 rad.",
                     "As v4, but the step that ends an episode pays nothing.")},
      {"InvertedDoublePendulum", "hold two poles, one on the other, upright on a cart", 1000,
       9100.0, "inverted_double_pendulum.xml", make_inverted_double_pendulum,
       without_third(
           "Reward 10 less penalties for the tip's place and the poles' speeds; ends when "
           "the tip is not above 1; the constraint forces of three joints are observed.",
           "As v4, but the step that ends an episode does not pay the 10, and of the "
           "constraint forces only the cart's is observed.")}};
}

}  // namespace

std::vector<EnvironmentFamily> mujoco_families() {
  std::vector<EnvironmentFamily> families = walkers();
  for (auto& family : machines()) families.push_back(std::move(family));
  return families;
}

}  // namespace ergon::internal
