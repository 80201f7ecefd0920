// Our model files, compiled by MuJoCo, against the numbers of the standard models.
#include <gmock/gmock.h>
#include <mujoco/mujoco.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/files.hpp"
#include "ergon/env/environment.hpp"

namespace ergon {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Model = std::unique_ptr<mjModel, decltype(&mj_deleteModel)>;

Model compile(const std::string& name) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.file("model.xml");
  write_file(path, model_text(name + ".xml"));
  char message[1000] = "";
  Model model(mj_loadXML(path.c_str(), nullptr, message, sizeof(message)), mj_deleteModel);
  EXPECT_NE(model, nullptr) << name << ": " << message;
  EXPECT_THAT(std::string(message), AnyOf(IsEmpty(), HasSubstr("deprecated"))) << name;
  return model;
}

/// A word, or a number with the significant digits that the dump prints of it.
struct Token {
  std::string word;
  double number = 0.0;
  int digits = 0;  ///< 0: a word
};
using Line = std::vector<Token>;

void put(Line& line, const std::string& key, int digits, const std::vector<double>& numbers) {
  line.push_back({key});
  for (double number : numbers) line.push_back({"", number, digits});
}

std::vector<double> row(const mjtNum* values, int index, int width) {
  return {values + index * width, values + (index + 1) * width};
}

std::vector<double> first(std::vector<double> numbers, std::size_t count) {
  numbers.resize(count);
  return numbers;
}

std::string name_of(const mjModel* model, mjtObj kind, int index) {
  const char* name = mj_id2name(model, kind, index);
  return name == nullptr ? "-" : name;
}

Line describe_sizes(const mjModel* m) {
  double mass = 0.0;
  for (int body = 0; body < m->nbody; ++body) mass += m->body_mass[body];
  Line line;
  const auto integer = [&](const char* key, auto value) {
    put(line, key, 6, {static_cast<double>(value)});
  };
  integer("nq", m->nq);
  integer("nv", m->nv);
  integer("nu", m->nu);
  integer("nbody", m->nbody);
  integer("ngeom", m->ngeom);
  put(line, "dt", 6, {m->opt.timestep});
  integer("integ", m->opt.integrator);
  integer("solver", m->opt.solver);
  integer("iter", m->opt.iterations);
  put(line, "tol", 6, {m->opt.tolerance});
  integer("cone", m->opt.cone);
  put(line, "totalmass", 10, {mass});
  return line;
}

Line describe_body(const mjModel* m, int i) {
  Line line{{"body"}, {name_of(m, mjOBJ_BODY, i)}};
  put(line, "mass", 10, {m->body_mass[i]});
  put(line, "inertia", 8, row(m->body_inertia, i, 3));
  put(line, "ipos", 8, row(m->body_ipos, i, 3));
  put(line, "iquat", 8, row(m->body_iquat, i, 4));
  put(line, "pos", 8, row(m->body_pos, i, 3));
  return line;
}

Line describe_geom(const mjModel* m, int i) {
  Line line{{"geom"}, {name_of(m, mjOBJ_GEOM, i)}};
  put(line, "type", 6, {double(m->geom_type[i])});
  put(line, "size", 8, first(row(m->geom_size, i, 3), 2));
  put(line, "fric", 8, row(m->geom_friction, i, 3));
  put(line, "contype", 6, {double(m->geom_contype[i])});
  put(line, "conaff", 6, {double(m->geom_conaffinity[i])});
  put(line, "condim", 6, {double(m->geom_condim[i])});
  put(line, "pos", 8, row(m->geom_pos, i, 3));
  put(line, "quat", 8, row(m->geom_quat, i, 4));
  put(line, "margin", 6, {m->geom_margin[i]});
  put(line, "solref", 6, row(m->geom_solref, i, 2));
  put(line, "solimp", 6, first(row(m->geom_solimp, i, 5), 3));
  return line;
}

Line describe_joint(const mjModel* m, int i) {
  const int dof = m->jnt_dofadr[i];
  Line line{{"jnt"}, {name_of(m, mjOBJ_JOINT, i)}};
  put(line, "type", 6, {double(m->jnt_type[i])});
  put(line, "axis", 6, row(m->jnt_axis, i, 3));
  put(line, "pos", 6, row(m->jnt_pos, i, 3));
  put(line, "lim", 6, {double(m->jnt_limited[i])});
  put(line, "range", 10, row(m->jnt_range, i, 2));
  put(line, "stiff", 6, {m->jnt_stiffness[i]});
  put(line, "damp", 6, {m->dof_damping[dof]});
  put(line, "arm", 6, {m->dof_armature[dof]});
  put(line, "qpos0", 6, {m->qpos0[m->jnt_qposadr[i]]});
  return line;
}

Line describe_actuator(const mjModel* m, int i) {
  Line line;
  put(line, "act", 6, {double(i)});
  put(line, "gear", 6, {m->actuator_gear[6 * i]});
  put(line, "ctrl", 6, row(m->actuator_ctrlrange, i, 2));
  put(line, "lim", 6, {double(m->actuator_ctrllimited[i])});
  line.push_back({"jnt"});
  line.push_back({name_of(m, mjOBJ_JOINT, m->actuator_trnid[2 * i])});
  return line;
}

std::vector<Line> describe(const mjModel* model) {
  std::vector<Line> lines{describe_sizes(model)};
  for (int i = 1; i < model->nbody; ++i) lines.push_back(describe_body(model, i));
  for (int i = 0; i < model->ngeom; ++i) lines.push_back(describe_geom(model, i));
  for (int i = 0; i < model->njnt; ++i) lines.push_back(describe_joint(model, i));
  for (int i = 0; i < model->nu; ++i) lines.push_back(describe_actuator(model, i));
  return lines;
}

/// 1e-9 relative, and what rounding to the printed digits can do; numbers below 1e-12 are zeros of
/// a rotation.
bool agrees(double ours, double printed, int digits) {
  if (std::abs(printed) < 1e-12) return std::abs(ours) < 1e-12;
  const double unit = std::pow(10.0, std::floor(std::log10(std::abs(printed))) - digits + 1);
  return std::abs(ours - printed) <= 0.5 * unit + 1e-9 * std::abs(printed);
}

void expect_line(const Line& ours, const std::string& printed) {
  std::istringstream words(printed);
  std::string word;
  std::size_t count = 0;
  for (; words >> word; ++count) {
    ASSERT_LT(count, ours.size()) << printed;
    const Token& token = ours[count];
    const bool unnamed = count == 1 && word == "-";
    if (token.digits > 0) {
      EXPECT_PRED3(agrees, token.number, std::stod(word), token.digits) << printed;
    } else if (!unnamed) {
      EXPECT_EQ(token.word, word) << printed;
    }
  }
  EXPECT_EQ(count, ours.size()) << printed;
}

class EnvModelsPrinted : public ::testing::TestWithParam<const char*> {};

TEST_P(EnvModelsPrinted, CompilesToTheNumbersOfTheStandardModel) {
  if (std::string(mj_versionString()) != "2.2.2") {
    GTEST_SKIP() << "the reference numbers are of MuJoCo 2.2.2, this is " << mj_versionString();
  }
  const std::string name = GetParam();
  const auto path = std::filesystem::path(ERGON_SOURCE_DIR) / ".." / "shared" / "golden" /
                    "mujoco" / (name + ".model_2.2.2.txt");
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no reference data: " << path.lexically_normal();
  const auto lines = describe(compile(name).get());
  std::size_t count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    ASSERT_LT(count, lines.size()) << name;
    expect_line(lines[count], line);
  }
  EXPECT_EQ(count, lines.size()) << name;
}

INSTANTIATE_TEST_SUITE_P(,
                         EnvModelsPrinted,
                         ::testing::Values("walker2d",
                                           "hopper",
                                           "half_cheetah",
                                           "ant",
                                           "humanoid",
                                           "swimmer",
                                           "reacher",
                                           "inverted_pendulum",
                                           "inverted_double_pendulum"),
                         [](const auto& parameter) { return std::string(parameter.param); });

/// Volume of a capsule, pi r^2 (2 h + 4/3 r), with h half the length of its cylinder; h = 0 is a
/// sphere.
double capsule(double radius, double half_length) {
  return M_PI * radius * radius * (2.0 * half_length + 4.0 / 3.0 * radius);
}

double mass_of(const std::string& name) {
  const Model model = compile(name);
  double mass = 0.0;
  for (int body = 1; body < model->nbody; ++body) mass += model->body_mass[body];
  return mass;
}

TEST(EnvModels, WeighWhatTheirCapsulesAndSpheresWeigh) {
  const double leg = capsule(0.05, 0.225) + capsule(0.04, 0.25);
  const std::vector<std::pair<std::string, double>> masses = {
      {"walker2d", 1000 * (capsule(0.05, 0.2) + 2 * leg + 2 * capsule(0.06, 0.1))},
      {"hopper", 1000 * (capsule(0.05, 0.2) + leg + capsule(0.06, 0.195))},
      {"half_cheetah", 14},
      {"ant", 5 * (capsule(0.25, 0) + 8 * capsule(0.08, std::sqrt(0.02)) +
                   4 * capsule(0.08, std::sqrt(0.08)))},
      {"humanoid", 1000 * (capsule(0.07, 0.07) + capsule(0.09, 0) + 2 * capsule(0.06, 0.06) +
                           capsule(0.09, 0.07) + 2 * capsule(0.06, 0.5 * std::hypot(0.01, 0.34)) +
                           2 * capsule(0.049, 0.15) + 2 * capsule(0.075, 0) +
                           2 * capsule(0.04, 0.08 * std::sqrt(3)) +
                           2 * capsule(0.031, 0.08 * std::sqrt(3)) + 2 * capsule(0.04, 0))},
      {"swimmer", 3000 * capsule(0.1, 0.5)},
      {"reacher", 1000 * (2 * capsule(0.01, 0.05) + capsule(0.01, 0) + capsule(0.009, 0))},
      {"inverted_pendulum",
       1000 * (capsule(0.1, 0.1) + capsule(0.049, 0.5 * std::hypot(0.001, 0.6)))},
      {"inverted_double_pendulum", 1000 * (capsule(0.1, 0.1) + 2 * capsule(0.045, 0.3))},
  };
  for (const auto& [name, mass] : masses) EXPECT_NEAR(mass_of(name), mass, 1e-12 * mass) << name;
}

// What follows is not among the printed numbers, yet changes trajectories.

TEST(EnvModels, SwimmerMovesInAViscousMedium) {
  const Model model = compile("swimmer");
  EXPECT_EQ(model->opt.density, 4000);
  EXPECT_EQ(model->opt.viscosity, 0.1);
}

TEST(EnvModels, DoublePendulumHasLeaningGravityAMarginBeforeTheRailsEndAndATip) {
  const Model model = compile("inverted_double_pendulum");
  EXPECT_THAT(row(model->opt.gravity, 0, 3), ElementsAre(1e-5, 0, -9.81));
  EXPECT_EQ(model->jnt_margin[0], 0.01);
  ASSERT_EQ(model->nsite, 1);
  EXPECT_EQ(model->site_bodyid[0], mj_name2id(model.get(), mjOBJ_BODY, "pole2"));
  EXPECT_THAT(row(model->site_pos, 0, 3), ElementsAre(0, 0, 0.6));
}

TEST(EnvModels, HalfCheetahHasSoftJointLimits) {
  const Model model = compile("half_cheetah");
  for (int joint = 3; joint < model->njnt; ++joint) {
    EXPECT_THAT(row(model->jnt_solref, joint, 2), ElementsAre(0.02, 1));
    EXPECT_THAT(first(row(model->jnt_solimp, joint, 5), 3), ElementsAre(0, 0.8, 0.03));
  }
}

TEST(EnvModels, HumanoidBendsAtTheWaistAndHasTwoUnusedTendons) {
  const Model model = compile("humanoid");
  const double norm = std::hypot(1.0, 0.002);
  for (const char* name : {"lwaist", "pelvis"}) {
    const auto quat = row(model->body_quat, mj_name2id(model.get(), mjOBJ_BODY, name), 4);
    EXPECT_NEAR(quat[0], 1.0 / norm, 1e-15) << name;
    EXPECT_NEAR(quat[2], -0.002 / norm, 1e-15) << name;
  }
  ASSERT_EQ(model->ntendon, 2);
  EXPECT_THAT(row(model->wrap_prm, 0, 4), ElementsAre(-1, 1, -1, 1));
  EXPECT_EQ(model->tendon_stiffness[0] + model->tendon_damping[0] + model->tendon_frictionloss[0],
            0);
}

}  // namespace
}  // namespace ergon
