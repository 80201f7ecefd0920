#include "env/factories.hpp"
#include "env/locomotion.hpp"

namespace ergon::internal {
namespace {

// Three links in a viscous fluid. Positions: x, y, direction and two joints.
class Swimmer final : public Locomotion {
 public:
  Swimmer(EnvironmentSpec spec, const MujocoSettings& settings, const LocomotionRules& rules)
      : Locomotion(std::move(spec), settings, rules) {}

 private:
  PlanarPosition position() const override { return {data().qpos[0], data().qpos[1]}; }

  void observe(double* out) const override {
    out = copy_to(out, data().qpos + 2, model().nq - 2);
    copy_to(out, data().qvel, model().nv);
  }
};

}  // namespace

std::unique_ptr<Environment> make_swimmer(EnvironmentSpec spec, int) {
  MujocoSettings settings;
  settings.observation_dim = 8;
  settings.frame_skip = 4;
  settings.noise = {0.1, 0.1, NoiseKind::kUniform};
  settings.camera.body = 1;
  settings.camera.distance = 6.0;
  settings.camera.elevation = -60.0;
  LocomotionRules rules;
  rules.control = 1e-4;
  rules.ground = Ground::kPlane;
  return std::make_unique<Swimmer>(std::move(spec), settings, rules);
}

}  // namespace ergon::internal
