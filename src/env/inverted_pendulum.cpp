#include <cmath>

#include "env/factories.hpp"
#include "env/mujoco_environment.hpp"

namespace ergon::internal {
namespace {

/// Which steps pay the reward of 1.
enum class Pay {
  kEveryStep,     ///< v2, v4
  kUprightSteps,  ///< v5: not the one that ends the episode
};

// A pole on a cart. Positions: cart, pole.
class InvertedPendulum final : public MujocoEnvironment {
 public:
  InvertedPendulum(EnvironmentSpec spec, const MujocoSettings& settings, Pay pay)
      : MujocoEnvironment(std::move(spec), settings), pay_(pay) {}

  std::vector<std::pair<std::string, double>> info() const override {
    if (!stepped()) return {};
    return {{"reward_survive", reward_}};
  }

 private:
  Outcome judge(const double*) override {
    const bool fallen = std::fabs(data().qpos[1]) > 0.2;
    reward_ = fallen && pay_ == Pay::kUprightSteps ? 0.0 : 1.0;
    return {reward_, fallen};
  }

  void observe(double* out) const override {
    out = copy_to(out, data().qpos, model().nq);
    copy_to(out, data().qvel, model().nv);
  }

  Pay pay_;
  double reward_ = 0.0;  // of the last step
};

}  // namespace

std::unique_ptr<Environment> make_inverted_pendulum(EnvironmentSpec spec, int version) {
  MujocoSettings settings;
  settings.observation_dim = 4;
  settings.frame_skip = 2;
  settings.noise = {0.01, 0.01, NoiseKind::kUniform};
  settings.camera.look_at = {0.0, 0.0, 0.2};
  settings.camera.distance = 2.5;
  return std::make_unique<InvertedPendulum>(std::move(spec), settings,
                                            version >= 5 ? Pay::kUprightSteps : Pay::kEveryStep);
}

}  // namespace ergon::internal
