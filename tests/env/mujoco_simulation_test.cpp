#include "env/mujoco_simulation.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "env/bare_mujoco.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Numbers;

/// The failure of one step from a state.
std::string failure_from(Environment& environment, const EnvironmentState& state) {
  environment.restore(state);
  const std::vector<double> still(environment.spec().action_low.size(), 0.0);
  try {
    environment.step(still.data());
  } catch (const NumericalFailure& failure) {
    return failure.what();
  }
  return "no failure";
}

TEST(EnvMujocoSimulation, DivergenceNamesEnvironmentAndStepAndAResetRecovers) {
  const auto environment = make_environment({"Walker2d-v4"});
  const Numbers numbers(*environment);
  EnvironmentState absurd = testing::quiet_start("Walker2d-v4");
  absurd.steps = 16;
  numbers.velocities(absurd)[4] = 1e11;
  EXPECT_THAT(failure_from(*environment, absurd),
              AllOf(HasSubstr("Walker2d-v4: step 17 of an episode: the simulation diverged"),
                    HasSubstr("velocity of coordinate 4")));
  EnvironmentState far = testing::quiet_start("Walker2d-v4");
  numbers.positions(far)[0] = -1e12;
  EXPECT_THAT(failure_from(*environment, far), HasSubstr("position of coordinate 0"));
  EnvironmentState fast = testing::quiet_start("Walker2d-v4");
  for (int i = 3; i < 9; ++i) numbers.velocities(fast)[i] = 5e9;
  EXPECT_THAT(failure_from(*environment, fast), HasSubstr("the simulation diverged"));

  const double still[6] = {};
  EXPECT_THROW(environment->step(still), InvalidInput);
  environment->reset();
  EXPECT_NO_THROW(environment->step(still));
}

TEST(EnvMujocoSimulation, SaysNothingOnTheTerminalNorInALogFile) {
  const auto environment = make_environment({"Hopper-v4"});
  EnvironmentState absurd = testing::quiet_start("Hopper-v4");
  Numbers(*environment).velocities(absurd)[0] = 1e11;
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  failure_from(*environment, absurd);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_FALSE(std::filesystem::exists("MUJOCO_LOG.TXT"));
}

TEST(EnvMujocoSimulation, ErrorsOfTheLibraryAreExceptions) {
  make_environment({"Hopper-v4"});
  try {
    mju_error("out of everything");
    FAIL() << "mju_error returned";
  } catch (const NumericalFailure& failure) {
    EXPECT_STREQ(failure.what(), "MuJoCo stopped: out of everything");
  }
}

TEST(EnvMujocoSimulation, CompilesAModelOnceForAllThreadsAndVariantsApart) {
  std::vector<std::thread> threads;
  std::vector<const mjModel*> models(4);
  for (auto& model : models) {
    threads.emplace_back([&model] { model = internal::compiled_model("hopper.xml").model.get(); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(models, ::testing::Each(models[0]));
  const internal::ModelVariant lighter = {"lighter", [](mjModel* m) { m->body_mass[1] = 1.0; }};
  EXPECT_EQ(internal::compiled_model("hopper.xml", lighter).model->body_mass[1], 1.0);
  EXPECT_NE(models[0]->body_mass[1], 1.0);
}

TEST(EnvMujocoSimulation, ControlsBeyondTheirRangeActAsTheRangesEnd) {
  const auto environment = make_environment({"HalfCheetah-v4"});
  std::vector<double> results[2];
  for (const double control : {1.0, 7.0}) {
    environment->restore(testing::quiet_start("HalfCheetah-v4"));
    environment->step(std::vector<double>(6, control).data());
    results[control > 1.0 ? 1 : 0] = environment->observation();
  }
  EXPECT_EQ(results[0], results[1]);
}

}  // namespace
}  // namespace ergon
