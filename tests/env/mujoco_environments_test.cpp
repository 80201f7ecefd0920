// Rewards, ends and observations of every environment and version against the rules written down a
// second time over bare mjModel and mjData, stepped as Gymnasium does: mj_rnePostConstraint after
// every step of v4 and v5, never before.
#include <gmock/gmock.h>

#include <cmath>

#include "env/bare_mujoco.hpp"

namespace ergon {
namespace {

using testing::Numbers;

using List = std::vector<double>;

List slice(const double* values, int first, int last) { return {values + first, values + last}; }

List clipped(List values, double bound) {
  for (double& value : values) value = std::min(std::max(value, -bound), bound);
  return values;
}

List joined(const std::vector<List>& parts) {
  List all;
  for (const List& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

double squares(const List& values) {
  double sum = 0.0;
  for (const double value : values) sum += value * value;
  return sum;
}

/// A model and its data, as a Gymnasium environment holds them.
struct Bare {
  explicit Bare(const Environment& environment)
      : name(environment.spec().name.substr(0, environment.spec().name.size() - 3)),
        version(environment.spec().name.back() - '0'),
        m(mj_copyModel(nullptr, &Numbers(environment).model()), mj_deleteModel),
        d(mj_makeData(m.get()), mj_deleteData),
        dt(environment.spec().seconds_per_step) {
    if (name == "Walker2d" && version == 5) {
      m->geom_friction[3 * mj_name2id(m.get(), mjOBJ_GEOM, "foot_geom")] = 1.9;
    }
  }

  void start(Pcg64& random);

  void step(const List& action) {
    before = x();
    distance_before = std::sqrt(squares(reach()));
    std::copy(action.begin(), action.end(), d->ctrl);
    const int count = static_cast<int>(std::lround(dt / m->opt.timestep));
    for (int i = 0; i < count; ++i) mj_step(m.get(), d.get());
    if (version >= 4) mj_rnePostConstraint(m.get(), d.get());
  }

  int body(const char* of) const { return mj_name2id(m.get(), mjOBJ_BODY, of); }

  /// The position that a forward reward is paid for.
  double x() const {
    if (name == "Ant") return d->xpos[3 * body("torso")];
    if (name != "Humanoid") return d->qpos[0];
    double mass = 0.0, sum = 0.0;
    for (int i = 0; i < m->nbody; ++i) {
      mass += m->body_mass[i];
      sum += m->body_mass[i] * d->xipos[3 * i];
    }
    return sum / mass;
  }

  /// Reacher: from target to fingertip.
  List reach() const {
    if (name != "Reacher") return {};
    List difference;
    for (int i = 0; i < 3; ++i) {
      difference.push_back(d->xpos[3 * body("fingertip") + i] - d->xpos[3 * body("target") + i]);
    }
    return difference;
  }

  List forces() const { return slice(d->cfrc_ext, 0, 6 * m->nbody); }
  List q(int first) const { return slice(d->qpos, first, m->nq); }
  List v() const { return slice(d->qvel, 0, m->nv); }

  bool terminated() const;
  double reward(const List& action) const;
  List observation() const;
  List humanoid_observation() const;

  std::string name;
  int version;
  std::unique_ptr<mjModel, decltype(&mj_deleteModel)> m;
  std::unique_ptr<mjData, decltype(&mj_deleteData)> d;
  double dt;
  double before = 0.0, distance_before = 0.0;
};

/// A start from the numbers that the environment draws next.
void Bare::start(Pcg64& random) {
  mj_resetData(m.get(), d.get());
  double noise = 0.1;
  if (name == "Walker2d" || name == "Hopper") noise = 0.005;
  if (name == "Humanoid" || name == "InvertedPendulum") noise = 0.01;
  const bool normal = name == "HalfCheetah" || name == "Ant" || name == "InvertedDoublePendulum";
  const double velocity_noise = name == "Reacher" ? 0.005 : noise;
  for (int i = 0; i < m->nq; ++i) d->qpos[i] += random.uniform(-noise, noise);
  while (name == "Reacher") {
    d->qpos[2] = random.uniform(-0.2, 0.2);
    d->qpos[3] = random.uniform(-0.2, 0.2);
    if (std::hypot(d->qpos[2], d->qpos[3]) < 0.2) break;
  }
  for (int i = 0; i < m->nv; ++i) {
    d->qvel[i] = normal ? 0.1 * random.normal() : random.uniform(-velocity_noise, velocity_noise);
  }
  if (name == "Reacher") d->qvel[2] = d->qvel[3] = 0.0;
  mj_forward(m.get(), d.get());
}

bool Bare::terminated() const {
  const double* p = d->qpos;
  if (name == "Walker2d") return !(p[1] > 0.8 && p[1] < 2.0 && p[2] > -1.0 && p[2] < 1.0);
  if (name == "Hopper") {
    bool bounded = true;
    for (const double value : joined({q(2), v()})) bounded = bounded && std::fabs(value) < 100.0;
    return !(bounded && p[1] > 0.7 && std::fabs(p[2]) < 0.2);
  }
  if (name == "Ant") return !(p[2] >= 0.2 && p[2] <= 1.0);
  if (name == "Humanoid") return !(p[2] > 1.0 && p[2] < 2.0);
  if (name == "InvertedPendulum") return std::fabs(p[1]) > 0.2;
  if (name == "InvertedDoublePendulum") return d->site_xpos[2] <= 1.0;
  return false;
}

double Bare::reward(const List& action) const {
  const double forward = (x() - before) / dt;
  const double alive = version == 5 && terminated() ? 0.0 : 1.0;
  const double effort = squares(action);
  if (name == "Walker2d" || name == "Hopper") return forward + alive - 1e-3 * effort;
  if (name == "HalfCheetah") return forward - 0.1 * effort;
  if (name == "Swimmer") return forward - 1e-4 * effort;
  if (name == "Ant") {
    const double contact = version == 5 ? 5e-4 * squares(clipped(forces(), 1.0)) : 0.0;
    return forward + alive - 0.5 * effort - contact;
  }
  if (name == "Humanoid") {
    const double contact = version == 5 ? std::min(10.0, 5e-7 * squares(forces())) : 0.0;
    return 1.25 * forward + 5.0 * alive - 0.1 * effort - contact;
  }
  if (name == "Reacher") {
    return -(version == 5 ? std::sqrt(squares(reach())) : distance_before) - effort;
  }
  if (name == "InvertedPendulum") return alive;
  const double tip_x = d->site_xpos[0], tip_y = d->site_xpos[2];
  return 10.0 * alive - 0.01 * tip_x * tip_x - (tip_y - 2.0) * (tip_y - 2.0) -
         1e-3 * d->qvel[1] * d->qvel[1] - 5e-3 * d->qvel[2] * d->qvel[2];
}

List Bare::humanoid_observation() const {
  const int world = version == 5 ? 1 : 0;
  const int free_joint = version == 5 ? 6 : 0;
  return joined({q(2), v(), slice(d->cinert, 10 * world, 10 * m->nbody),
                 slice(d->cvel, 6 * world, 6 * m->nbody),
                 slice(d->qfrc_actuator, free_joint, m->nv),
                 slice(d->cfrc_ext, 6 * world, 6 * m->nbody)});
}

List Bare::observation() const {
  const double* p = d->qpos;
  if (name == "Walker2d" || name == "Hopper") return joined({q(1), clipped(v(), 10.0)});
  if (name == "HalfCheetah") return joined({q(1), v()});
  if (name == "Swimmer") return joined({q(2), v()});
  if (name == "Ant") {
    const int from = version == 5 ? 6 : 0, to = version == 4 ? 0 : 6 * m->nbody;
    return joined({q(2), v(), clipped(slice(d->cfrc_ext, from, std::max(from, to)), 1.0)});
  }
  if (name == "Humanoid") return humanoid_observation();
  if (name == "Reacher") {
    List difference = reach();
    difference.resize(version == 5 ? 2 : 3);
    return joined({{std::cos(p[0]), std::cos(p[1]), std::sin(p[0]), std::sin(p[1])},
                   q(2),
                   slice(d->qvel, 0, 2),
                   difference});
  }
  if (name == "InvertedPendulum") return joined({q(0), v()});
  return joined({{p[0], std::sin(p[1]), std::sin(p[2]), std::cos(p[1]), std::cos(p[2])},
                 clipped(v(), 10.0),
                 clipped(slice(d->qfrc_constraint, 0, version == 5 ? 1 : 3), 10.0)});
}

void expect_near(const List& values, const List& expected, const std::string& where) {
  ASSERT_EQ(values.size(), expected.size()) << where;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], expected[i], 1e-13 * (1.0 + std::fabs(expected[i])))
        << where << ", number " << i;
  }
}

class EnvMujocoRules : public ::testing::TestWithParam<std::string> {};

TEST_P(EnvMujocoRules, AreThoseOfTheBareSimulation) {
  const auto environment = make_environment({GetParam()});
  Bare bare(*environment);
  environment->seed(5);
  bool over = true;
  int step = 0, ends = 0;
  for (const List& action : testing::random_actions(environment->spec(), 120)) {
    if (over) {
      Pcg64 random;
      random.set_state(environment->state().random);
      environment->reset();
      bare.start(random);
      expect_near(environment->observation(), bare.observation(), "at a start");
    }
    const StepResult result = environment->step(action.data());
    bare.step(action);
    const std::string where = "step " + std::to_string(++step);
    expect_near(environment->observation(), bare.observation(), where);
    expect_near({result.reward}, {bare.reward(action)}, where + ", reward");
    ASSERT_EQ(result.terminated, bare.terminated()) << where;
    over = result.over();
    ends += over ? 1 : 0;
  }
  const bool never_ends = bare.name == "HalfCheetah" || bare.name == "Swimmer";
  EXPECT_EQ(ends > 0, !never_ends) << "this run has to see an end, or cannot";
}

TEST_P(EnvMujocoRules, InfoTellsTheTermsOfTheReward) {
  const auto environment = make_environment({GetParam()});
  environment->seed(5);
  environment->reset();
  EXPECT_TRUE(environment->info().empty());
  const StepResult result =
      environment->step(testing::random_actions(environment->spec(), 1)[0].data());
  double sum = 0.0;
  for (const auto& [term, value] : environment->info()) {
    const bool counts = term.rfind("reward_", 0) == 0 || term.find("penalty") != std::string::npos;
    if (counts) sum += value;
  }
  EXPECT_NEAR(sum, result.reward, 1e-12 * (1.0 + std::fabs(sum)));
  environment->restore(environment->state());
  EXPECT_TRUE(environment->info().empty());
}

INSTANTIATE_TEST_SUITE_P(,
                         EnvMujocoRules,
                         ::testing::ValuesIn(testing::mujoco_names()),
                         testing::test_name);

}  // namespace
}  // namespace ergon
