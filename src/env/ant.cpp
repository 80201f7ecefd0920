#include <algorithm>
#include <cmath>

#include "env/factories.hpp"
#include "env/locomotion.hpp"

namespace ergon::internal {
namespace {

/// What an ant observes of the contact forces on its bodies (cfrc_ext, six numbers a body).
enum class ContactForces {
  kZeros,   ///< v2, v3: on MuJoCo 2.0 and later they were zeros for all 14 bodies
  kNone,    ///< v4
  kBodies,  ///< v5: for the 13 bodies that can move, cut to [-1, 1]; they cost as well
};

ContactForces contact_forces_of(int version) {
  if (version <= 3) return ContactForces::kZeros;
  return version == 4 ? ContactForces::kNone : ContactForces::kBodies;
}

// Four legs on a free sphere. Positions: x, y, z, quaternion, eight joints.
class Ant final : public Locomotion {
 public:
  Ant(EnvironmentSpec spec,
      const MujocoSettings& settings,
      const LocomotionRules& rules,
      ContactForces forces)
      : Locomotion(std::move(spec), settings, rules),
        forces_(forces),
        torso_(body_index(model(), "torso")) {}

 private:
  /// xpos, as in Gymnasium: MuJoCo found it one time step before qpos.
  PlanarPosition position() const override {
    const double* torso = data().xpos + 3 * torso_;
    return {torso[0], torso[1]};
  }

  bool healthy() const override {
    const double height = data().qpos[2];
    return height >= 0.2 && height <= 1.0;
  }

  double contact_cost() const override {
    if (forces_ != ContactForces::kBodies) return 0.0;
    double sum = 0.0;
    for (int i = 0; i < 6 * model().nbody; ++i) {
      const double force = std::clamp(data().cfrc_ext[i], -1.0, 1.0);
      sum += force * force;
    }
    return rules().contact * sum;
  }

  void observe(double* out) const override {
    out = copy_to(out, data().qpos + 2, model().nq - 2);
    out = copy_to(out, data().qvel, model().nv);
    if (forces_ == ContactForces::kZeros) std::fill_n(out, 6 * model().nbody, 0.0);
    if (forces_ == ContactForces::kBodies) {
      copy_clipped_to(out, data().cfrc_ext + 6, 6 * (model().nbody - 1), 1.0);
    }
  }

  ContactForces forces_;
  int torso_;
};

}  // namespace

std::unique_ptr<Environment> make_ant(EnvironmentSpec spec, int version) {
  const ContactForces forces = contact_forces_of(version);
  MujocoSettings settings;
  settings.frame_skip = 5;
  settings.noise = {0.1, 0.1, NoiseKind::kNormal};
  settings.contact_forces = forces == ContactForces::kBodies;
  settings.camera.body = 1;
  settings.camera.look_at = {0.0, 0.0, 0.5};
  LocomotionRules rules;
  rules.healthy = 1.0;
  rules.control = 0.5;
  rules.ground = Ground::kPlane;
  settings.observation_dim = 27;
  if (forces == ContactForces::kZeros) settings.observation_dim = 111;
  if (forces == ContactForces::kBodies) {
    settings.observation_dim = 105;
    rules.contact = 5e-4;
    rules.pay = HealthyPay::kHealthySteps;
  }
  return std::make_unique<Ant>(std::move(spec), settings, rules, forces);
}

}  // namespace ergon::internal
