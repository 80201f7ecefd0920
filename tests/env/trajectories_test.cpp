// Our environments against trajectories of the standard models on MuJoCo 2.2.2, made by a program
// of its own: start without noise, control i of step t amplitude sin(0.1 t + i).
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "env/bare_mujoco.hpp"

namespace ergon {
namespace {

using testing::Numbers;

/// A line of a trajectory file: what held after `step` steps.
struct Mark {
  int step = 0;
  double reward = 0.0;          ///< sum of dx/dt - 0.001 |ctrl|^2
  std::vector<double> numbers;  ///< qpos, qvel
};

Mark parse(const std::string& line) {
  Mark mark;
  std::istringstream words(line);
  std::string word;
  while (words >> word) {
    if (word.rfind("t=", 0) == 0) mark.step = std::stoi(word.substr(2));
    if (word.rfind("cum=", 0) == 0) mark.reward = std::stod(word.substr(4));
    if (word != "qpos" && word != "|" && word != "qvel" && word.find('=') == std::string::npos &&
        word.find("ctrl") == std::string::npos) {
      mark.numbers.push_back(std::stod(word));
    }
  }
  return mark;
}

std::filesystem::path golden(const std::string& file) {
  return std::filesystem::path(ERGON_SOURCE_DIR) / "../shared/golden/mujoco" / file;
}

std::vector<Mark> read_marks(const std::string& file) {
  std::ifstream stream(golden(file));
  std::vector<Mark> marks;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) marks.push_back(parse(line));
  }
  return marks;
}

void expect_relative(double value, double expected, double tolerance, const std::string& where) {
  EXPECT_NEAR(value, expected, tolerance * std::fabs(expected)) << where;
}

struct Trajectory {
  std::string environment;
  std::string file;
  double amplitude;
};

void PrintTo(const Trajectory& trajectory, std::ostream* out) { *out << trajectory.file; }

class EnvTrajectories : public ::testing::TestWithParam<Trajectory> {};

/// One step that no end of an episode stops; returns dx/dt - 0.001 |ctrl|^2.
double step_on(Environment& environment, const std::vector<double>& controls) {
  const Numbers numbers(environment);
  EnvironmentState state = environment.state();
  const double before = numbers.positions(state)[0];
  if (state.over) {
    state.over = false;
    environment.restore(state);
  }
  environment.step(controls.data());
  state = environment.state();
  double reward = (numbers.positions(state)[0] - before) / environment.spec().seconds_per_step;
  for (const double control : controls) reward -= 1e-3 * control * control;
  return reward;
}

TEST_P(EnvTrajectories, AreThoseOfTheStandardModels) {
  const Trajectory& trajectory = GetParam();
  if (mujoco_version() != "2.2.2") {
    GTEST_SKIP() << "the trajectories are of MuJoCo 2.2.2, this is " << mujoco_version();
  }
  const std::vector<Mark> marks = read_marks(trajectory.file);
  if (marks.empty()) GTEST_SKIP() << "no reference data: " << golden(trajectory.file);
  ASSERT_EQ(marks.back().step, 100);

  const auto environment = make_environment({trajectory.environment});
  const Numbers numbers(*environment);
  environment->restore(testing::quiet_start(trajectory.environment));
  const auto [nq, nv, nu] = std::tuple{numbers.model().nq, numbers.model().nv, numbers.model().nu};
  double reward = 0.0;
  int step = 0;
  for (const Mark& mark : marks) {
    for (; step < mark.step; ++step) {
      std::vector<double> controls;
      for (int i = 0; i < nu; ++i) {
        controls.push_back(trajectory.amplitude * std::sin(0.1 * step + i));
      }
      reward += step_on(*environment, controls);
    }
    ASSERT_EQ(mark.numbers.size(), static_cast<std::size_t>(nq + nv));
    const double tolerance = mark.step <= 10 ? 1e-9 : 1e-6;
    EnvironmentState state = environment->state();
    for (int i = 0; i < nq + nv; ++i) {
      const std::string where =
          "number " + std::to_string(i) + " after step " + std::to_string(mark.step);
      expect_relative(numbers.positions(state)[i], mark.numbers[static_cast<std::size_t>(i)],
                      tolerance, where);
    }
    expect_relative(reward, mark.reward, tolerance, "reward to " + std::to_string(mark.step));
  }
}

INSTANTIATE_TEST_SUITE_P(
    ,
    EnvTrajectories,
    ::testing::Values(Trajectory{"Walker2d-v4", "walker2d_v4.roll.txt", 1.0},
                      Trajectory{"Walker2d-v5", "walker2d_v5.roll.txt", 1.0},
                      Trajectory{"Hopper-v4", "hopper.roll.txt", 1.0},
                      Trajectory{"HalfCheetah-v4", "half_cheetah.roll.txt", 1.0},
                      Trajectory{"InvertedPendulum-v4", "inverted_pendulum.roll.txt", 1.0}));

}  // namespace
}  // namespace ergon
