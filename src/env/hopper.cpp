#include <cmath>

#include "env/factories.hpp"
#include "env/locomotion.hpp"

namespace ergon::internal {
namespace {

// One leg in a plane. Positions: x, height, pitch, hip, knee, ankle.
class Hopper final : public Locomotion {
 public:
  Hopper(EnvironmentSpec spec, const MujocoSettings& settings, const LocomotionRules& rules)
      : Locomotion(std::move(spec), settings, rules) {}

 private:
  bool healthy() const override {
    const double* q = data().qpos;
    const bool upright = q[1] > 0.7 && std::fabs(q[2]) < 0.2;
    return upright && within(q + 2, model().nq - 2) && within(data().qvel, model().nv);
  }

  static bool within(const double* values, int count) {
    for (int i = 0; i < count; ++i) {
      if (!(std::fabs(values[i]) < 100.0)) return false;
    }
    return true;
  }

  void observe(double* out) const override {
    out = copy_to(out, data().qpos + 1, model().nq - 1);
    copy_clipped_to(out, data().qvel, model().nv, 10.0);
  }
};

}  // namespace

std::unique_ptr<Environment> make_hopper(EnvironmentSpec spec, int version) {
  MujocoSettings settings;
  settings.observation_dim = 11;
  settings.frame_skip = 4;
  settings.noise = {5e-3, 5e-3, NoiseKind::kUniform};
  settings.camera.body = 1;
  settings.camera.look_at = {0.0, 0.0, 1.0};
  settings.camera.distance = 3.5;
  LocomotionRules rules;
  rules.healthy = 1.0;
  rules.control = 1e-3;
  if (version >= 5) rules.pay = HealthyPay::kHealthySteps;
  return std::make_unique<Hopper>(std::move(spec), settings, rules);
}

}  // namespace ergon::internal
