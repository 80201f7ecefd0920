#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "refusals.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST(AppEnvs, TheListHasALineForEveryEnvironment) {
  const Workspace here;
  const Outcome outcome = here.run({"envs"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json all = Json::parse(here.run({"envs", "--json"}).out);
  const auto lines = std::count(outcome.out.begin(), outcome.out.end(), '\n');
  EXPECT_EQ(static_cast<std::size_t>(lines), all.at("environments").size() + 1);
  for (const auto& environment : all.at("environments"))
    EXPECT_THAT(outcome.out, HasSubstr("\n" + environment.at("name").get<std::string>() + " "));
}

TEST(AppEnvs, TheFamiliesOfTheGuideAreThere) {
  const Json all = Json::parse(Workspace().run({"envs", "--json"}).out);
  std::set<std::string> names;
  for (const auto& environment : all.at("environments")) {
    names.insert(environment.at("name").get<std::string>());
    const std::size_t actions = environment.at("action_dim").get<std::size_t>();
    EXPECT_THAT(environment.at("action_low"), SizeIs(actions));
    EXPECT_THAT(environment.at("action_high"), SizeIs(actions));
    EXPECT_GT(environment.at("seconds_per_step").get<double>(), 0.0);
    const bool simulated = environment.at("model").is_string();
    EXPECT_EQ(environment.at("model_hash").is_string(), simulated);
    if (simulated) {
      EXPECT_THAT(environment.at("model_hash").get<std::string>(), SizeIs(64));
    }
  }
  for (const char* name :
       {"Walker2d-v2", "Walker2d-v4", "Walker2d-v5", "Hopper-v4", "HalfCheetah-v4", "Ant-v4",
        "Humanoid-v4", "Swimmer-v4", "Reacher-v4", "InvertedPendulum-v4",
        "InvertedDoublePendulum-v4", "Pendulum-v1", "Multigoal-v0", "MultigoalMaxEntropy-v0",
        "MultigoalObstacles-v0", "MultigoalMaxEntropyObstacles-v0"})
    EXPECT_EQ(names.count(name), 1u) << name;
  EXPECT_FALSE(all.at("mujoco").get<std::string>().empty());
}

TEST(AppEnvs, OneIsDescribedWithRulesRangesModelAndSimulator) {
  const Outcome outcome = Workspace().run({"envs", "Hopper-v4"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  for (const char* part :
       {"rules", "11 numbers", "3 numbers from -1 to 1", "at most 1000 steps of 0.008 s", "3800",
        "hopper.xml", "SHA-256", "MuJoCo "})
    EXPECT_THAT(outcome.out, HasSubstr(part));
  EXPECT_THAT(Workspace().run({"envs", "Pendulum-v1"}).out,
              AllOf(HasSubstr("1 number from -2 to 2"), Not(HasSubstr("SHA-256"))));
}

TEST(AppEnvs, AFamilyShowsItsVersionsAndNoOther) {
  const Json all = Json::parse(Workspace().run({"envs", "Hopper", "--json"}).out);
  EXPECT_THAT(all.at("environments"), SizeIs(4));
  const Json plane = Json::parse(Workspace().run({"envs", "Multigoal", "--json"}).out);
  EXPECT_THAT(plane.at("environments"), SizeIs(1));
}

TEST(AppEnvs, AMistypedNameIsRefusedWithTheNearest) {
  const Workspace here;
  expect_all_refused(here, {{{"envs", "Hoper-v4"}, {"Hoper-v4", "did you mean Hopper-v4?"}},
                            {{"envs", "Hopper-v4", "stray"}, {"stray"}}});
}

}  // namespace
}  // namespace ergon::testing
