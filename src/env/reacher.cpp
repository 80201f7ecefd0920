#include <algorithm>
#include <cmath>

#include "env/factories.hpp"
#include "env/mujoco_environment.hpp"

namespace ergon::internal {
namespace {

/// v2 and v4 measure the distance before the step, v5 after it.
enum class Measured { kBefore, kAfter };

// An arm of two links reaches for a target in the plane. Positions: two joints, target x and y. The
// memory is the vector from target to fingertip, as MuJoCo knew it after the last step.
class Reacher final : public MujocoEnvironment {
 public:
  Reacher(EnvironmentSpec spec, const MujocoSettings& settings, Measured measured)
      : MujocoEnvironment(std::move(spec), settings),
        measured_(measured),
        fingertip_(body_index(model(), "fingertip")),
        target_(body_index(model(), "target")) {}

  std::vector<std::pair<std::string, double>> info() const override {
    if (!stepped()) return {};
    return {{"reward_dist", -distance_}, {"reward_ctrl", -control_}};
  }

 private:
  void draw_start(Pcg64& random, double* positions, double* velocities) override {
    for (int i = 0; i < model().nq; ++i) positions[i] += random.uniform(-0.1, 0.1);
    do {
      positions[2] = random.uniform(-0.2, 0.2);
      positions[3] = random.uniform(-0.2, 0.2);
    } while (!(std::sqrt(sum_of_squares(positions + 2, 2)) < 0.2));
    for (int i = 0; i < model().nv; ++i) velocities[i] += random.uniform(-0.005, 0.005);
    velocities[2] = 0.0;
    velocities[3] = 0.0;
  }

  void remember_start() override { look(); }

  /// The memory becomes fingertip - target.
  void look() {
    const double* tip = data().xpos + 3 * fingertip_;
    const double* target = data().xpos + 3 * target_;
    for (std::size_t i = 0; i < 3; ++i) memory()[i] = tip[i] - target[i];
  }

  Outcome judge(const double* action) override {
    if (measured_ == Measured::kAfter) look();
    distance_ = std::sqrt(sum_of_squares(memory().data(), 3));
    control_ = sum_of_squares(action, model().nu);
    if (measured_ == Measured::kBefore) look();
    return {-distance_ - control_, false};
  }

  void observe(double* out) const override {
    const double* q = data().qpos;
    for (int i = 0; i < 2; ++i) out[i] = std::cos(q[i]);
    for (int i = 0; i < 2; ++i) out[2 + i] = std::sin(q[i]);
    out = copy_to(out + 4, q + 2, 2);
    out = copy_to(out, data().qvel, 2);
    copy_to(out, memory().data(), measured_ == Measured::kAfter ? 2 : 3);
  }

  Measured measured_;
  int fingertip_, target_;
  double distance_ = 0.0, control_ = 0.0;  // of the last step
};

}  // namespace

std::unique_ptr<Environment> make_reacher(EnvironmentSpec spec, int version) {
  MujocoSettings settings;
  settings.observation_dim = version >= 5 ? 10 : 11;
  settings.frame_skip = 2;
  settings.memory = 3;
  settings.camera.distance = 0.75;
  settings.camera.elevation = -90.0;
  return std::make_unique<Reacher>(std::move(spec), settings,
                                   version >= 5 ? Measured::kAfter : Measured::kBefore);
}

}  // namespace ergon::internal
