#include "env/factories.hpp"
#include "env/locomotion.hpp"

namespace ergon::internal {
namespace {

// Two legs in a plane. Positions: x, height, pitch, then hip, knee and ankle of both legs.
class Walker2d final : public Locomotion {
 public:
  Walker2d(EnvironmentSpec spec, const MujocoSettings& settings, const LocomotionRules& rules)
      : Locomotion(std::move(spec), settings, rules) {}

 private:
  bool healthy() const override {
    const double height = data().qpos[1];
    const double pitch = data().qpos[2];
    return height > 0.8 && height < 2.0 && pitch > -1.0 && pitch < 1.0;
  }

  void observe(double* out) const override {
    out = copy_to(out, data().qpos + 1, model().nq - 1);
    copy_clipped_to(out, data().qvel, model().nv, 10.0);
  }
};

/// v5 gives the right foot the friction that the left one always had.
void rub_both_feet(mjModel* model) {
  model->geom_friction[3 * geom_index(*model, "foot_geom")] = 1.9;
}

}  // namespace

std::unique_ptr<Environment> make_walker2d(EnvironmentSpec spec, int version) {
  MujocoSettings settings;
  settings.observation_dim = 17;
  settings.frame_skip = 4;
  settings.noise = {5e-3, 5e-3, NoiseKind::kUniform};
  settings.camera.body = 1;
  settings.camera.look_at = {0.0, 0.0, 1.15};
  LocomotionRules rules;
  rules.healthy = 1.0;
  rules.control = 1e-3;
  if (version >= 5) {
    settings.variant = {"v5", rub_both_feet};
    rules.pay = HealthyPay::kHealthySteps;
  }
  return std::make_unique<Walker2d>(std::move(spec), settings, rules);
}

}  // namespace ergon::internal
