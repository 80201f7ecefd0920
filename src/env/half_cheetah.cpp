#include "env/factories.hpp"
#include "env/locomotion.hpp"

namespace ergon::internal {
namespace {

// A runner with a front and a back leg in a plane; no episode ends early.
class HalfCheetah final : public Locomotion {
 public:
  HalfCheetah(EnvironmentSpec spec, const MujocoSettings& settings, const LocomotionRules& rules)
      : Locomotion(std::move(spec), settings, rules) {}

 private:
  void observe(double* out) const override {
    out = copy_to(out, data().qpos + 1, model().nq - 1);
    copy_to(out, data().qvel, model().nv);
  }
};

}  // namespace

std::unique_ptr<Environment> make_half_cheetah(EnvironmentSpec spec, int) {
  MujocoSettings settings;
  settings.observation_dim = 17;
  settings.frame_skip = 5;
  settings.noise = {0.1, 0.1, NoiseKind::kNormal};
  settings.camera.body = 1;
  settings.camera.look_at = {0.0, 0.0, 0.5};
  LocomotionRules rules;
  rules.control = 0.1;
  return std::make_unique<HalfCheetah>(std::move(spec), settings, rules);
}

}  // namespace ergon::internal
