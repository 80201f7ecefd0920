#pragma once

#include <utility>
#include <vector>

#include "env/mujoco_environment.hpp"

namespace ergon::internal {

/// Which steps pay the reward for being healthy.
enum class HealthyPay {
  kEveryStep,     ///< v2 to v4: the step that ends the episode as well
  kHealthySteps,  ///< v5: not that one
};

/// What a body moves on, and info tells of.
enum class Ground { kLine, kPlane };

/// Weights of the terms of a locomotion reward; 0 leaves a term out.
struct LocomotionRules {
  double forward = 1.0;
  double healthy = 0.0;
  double control = 0.0;
  double contact = 0.0;  ///< used by contact_cost
  HealthyPay pay = HealthyPay::kEveryStep;
  Ground ground = Ground::kLine;
};

struct PlanarPosition {
  double x = 0.0;
  double y = 0.0;
};

/// What Walker2d, Hopper, HalfCheetah, Swimmer, Ant and Humanoid share:
///   reward = (forward dx/dt + healthy) - (control cost + contact cost),
/// where the control cost is control |action|^2, and an end when no longer healthy.
class Locomotion : public MujocoEnvironment {
 public:
  std::vector<std::pair<std::string, double>> info() const override;

 protected:
  Locomotion(EnvironmentSpec spec, const MujocoSettings& settings, const LocomotionRules& rules);

  /// Where the body is; by default x is the first coordinate, and y 0.
  virtual PlanarPosition position() const;
  virtual bool healthy() const { return true; }
  virtual double control_cost(const double* action) const;
  virtual double contact_cost() const { return 0.0; }
  const LocomotionRules& rules() const { return rules_; }

  void remember_start() override;
  Outcome judge(const double* action) override;

 private:
  /// Of the last step.
  struct Terms {
    PlanarPosition position, velocity;
    double forward = 0.0, healthy = 0.0, control = 0.0, contact = 0.0;
  };
  LocomotionRules rules_;
  Terms terms_;
};

}  // namespace ergon::internal
