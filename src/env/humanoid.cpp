#include <algorithm>

#include "env/factories.hpp"
#include "env/locomotion.hpp"

namespace ergon::internal {
namespace {

/// How much of a humanoid is observed.
enum class Observed {
  kZeroForces,   ///< v2, v3: everything, and contact forces that MuJoCo 2.0 and later left zero
  kEverything,   ///< v4
  kMovingParts,  ///< v5: without the world's rows and the actuator forces of the free joint
};

Observed observed_of(int version) {
  if (version <= 3) return Observed::kZeroForces;
  return version == 4 ? Observed::kEverything : Observed::kMovingParts;
}

// Positions: x, y, z, quaternion, 17 joints.
class Humanoid final : public Locomotion {
 public:
  Humanoid(EnvironmentSpec spec,
           const MujocoSettings& settings,
           const LocomotionRules& rules,
           Observed observed)
      : Locomotion(std::move(spec), settings, rules), observed_(observed) {}

 private:
  /// The centre of mass from xipos, as in Gymnasium: MuJoCo found it one time step before qpos.
  PlanarPosition position() const override {
    double mass = 0.0, x = 0.0, y = 0.0;
    for (int body = 0; body < model().nbody; ++body) {
      const double m = model().body_mass[body];
      mass += m;
      x += m * data().xipos[3 * body];
      y += m * data().xipos[3 * body + 1];
    }
    return {x / mass, y / mass};
  }

  bool healthy() const override {
    const double height = data().qpos[2];
    return height > 1.0 && height < 2.0;
  }

  /// Of the controls as MuJoCo holds them.
  double control_cost(const double*) const override {
    return rules().control * sum_of_squares(data().ctrl, model().nu);
  }

  double contact_cost() const override {
    if (rules().contact == 0.0) return 0.0;
    return std::min(rules().contact * sum_of_squares(data().cfrc_ext, 6 * model().nbody), 10.0);
  }

  void observe(double* out) const override {
    const bool moving = observed_ == Observed::kMovingParts;
    const int first = moving ? 1 : 0;  // body 0 is the world
    const int bodies = model().nbody - first;
    const int joint = moving ? 6 : 0;  // the free joint has six velocities and no actuator
    out = copy_to(out, data().qpos + 2, model().nq - 2);
    out = copy_to(out, data().qvel, model().nv);
    out = copy_to(out, data().cinert + 10 * first, 10 * bodies);
    out = copy_to(out, data().cvel + 6 * first, 6 * bodies);
    out = copy_to(out, data().qfrc_actuator + joint, model().nv - joint);
    if (observed_ == Observed::kZeroForces) {
      std::fill_n(out, 6 * bodies, 0.0);
    } else {
      copy_to(out, data().cfrc_ext + 6 * first, 6 * bodies);
    }
  }

  Observed observed_;
};

}  // namespace

std::unique_ptr<Environment> make_humanoid(EnvironmentSpec spec, int version) {
  const Observed observed = observed_of(version);
  MujocoSettings settings;
  settings.observation_dim = observed == Observed::kMovingParts ? 348 : 376;
  settings.frame_skip = 5;
  settings.noise = {1e-2, 1e-2, NoiseKind::kUniform};
  settings.contact_forces = observed != Observed::kZeroForces;
  settings.camera.body = 1;
  settings.camera.look_at = {0.0, 0.0, 1.1};
  LocomotionRules rules;
  rules.forward = 1.25;
  rules.healthy = 5.0;
  rules.control = 0.1;
  rules.ground = Ground::kPlane;
  if (version >= 5) {
    rules.contact = 5e-7;
    rules.pay = HealthyPay::kHealthySteps;
  }
  return std::make_unique<Humanoid>(std::move(spec), settings, rules, observed);
}

}  // namespace ergon::internal
