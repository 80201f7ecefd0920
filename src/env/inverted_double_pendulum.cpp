#include <cmath>

#include "env/factories.hpp"
#include "env/mujoco_environment.hpp"

namespace ergon::internal {
namespace {

enum class Edition {
  kFour,  ///< v2, v4: the bonus of 10 on every step, constraint forces of all three joints
  kFive,  ///< v5: no bonus on the step that ends the episode, constraint force of the cart alone
};

// Two poles on a cart. Positions: cart, lower pole, upper pole.
class InvertedDoublePendulum final : public MujocoEnvironment {
 public:
  InvertedDoublePendulum(EnvironmentSpec spec, const MujocoSettings& settings, Edition edition)
      : MujocoEnvironment(std::move(spec), settings), edition_(edition) {}

  std::vector<std::pair<std::string, double>> info() const override {
    if (!stepped()) return {};
    return {{"reward_survive", bonus_},
            {"distance_penalty", -distance_penalty_},
            {"velocity_penalty", -velocity_penalty_}};
  }

 private:
  /// The tip is the model's first site; MuJoCo found it one time step before qpos.
  Outcome judge(const double*) override {
    const double x = data().site_xpos[0];
    const double height = data().site_xpos[2];
    const double lower = data().qvel[1];
    const double upper = data().qvel[2];
    const bool fallen = height <= 1.0;
    distance_penalty_ = 0.01 * x * x + (height - 2.0) * (height - 2.0);
    velocity_penalty_ = 1e-3 * lower * lower + 5e-3 * upper * upper;
    bonus_ = fallen && edition_ == Edition::kFive ? 0.0 : 10.0;
    return {bonus_ - distance_penalty_ - velocity_penalty_, fallen};
  }

  void observe(double* out) const override {
    const double* q = data().qpos;
    out[0] = q[0];
    for (int i = 1; i <= 2; ++i) {
      out[i] = std::sin(q[i]);
      out[2 + i] = std::cos(q[i]);
    }
    out = copy_clipped_to(out + 5, data().qvel, 3, 10.0);
    copy_clipped_to(out, data().qfrc_constraint, edition_ == Edition::kFive ? 1 : 3, 10.0);
  }

  Edition edition_;
  double bonus_ = 0.0, distance_penalty_ = 0.0, velocity_penalty_ = 0.0;  // of the last step
};

}  // namespace

std::unique_ptr<Environment> make_inverted_double_pendulum(EnvironmentSpec spec, int version) {
  MujocoSettings settings;
  settings.observation_dim = version >= 5 ? 9 : 11;
  settings.frame_skip = 5;
  settings.noise = {0.1, 0.1, NoiseKind::kNormal};
  settings.camera.look_at = {0.0, 0.0, 0.6};
  settings.camera.distance = 4.0;
  return std::make_unique<InvertedDoublePendulum>(std::move(spec), settings,
                                                  version >= 5 ? Edition::kFive : Edition::kFour);
}

}  // namespace ergon::internal
