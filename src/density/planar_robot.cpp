#include "ergon/density/planar_robot.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr std::int64_t kJoints = 10;
constexpr double kLaterJointScale = 0.2;
constexpr double kGoalScale = 0.01;
constexpr double kGoalPrecision = 1.0 / (kGoalScale * kGoalScale);

Tensor goal_points(std::int64_t goals) {
  const std::vector<double> places = {7, 0, -7, 0, 0, 7, 0, -7};
  return at::tensor(at::ArrayRef<double>(places), at::kDouble).view({4, 2}).narrow(0, 0, goals);
}

Tensor prior_precisions() {
  const Tensor precisions =
      at::full({kJoints}, 1.0 / (kLaterJointScale * kLaterJointScale), at::kDouble);
  precisions[0] = 1.0;
  return precisions;
}

double log_norm() {
  const auto joints = static_cast<double>(kJoints);
  return -0.5 * (joints + 2.0) * kLog2Pi - (joints - 1.0) * std::log(kLaterJointScale) -
         2.0 * std::log(kGoalScale);
}

/// Σ_{j >= k} a_j.
Tensor sum_from(const Tensor& a) { return a.flip({-1}).cumsum(-1).flip({-1}); }

Tensor total(const Tensor& a) { return a.sum(-1, /*keepdim=*/true); }

}  // namespace

PlanarRobot::PlanarRobot(std::int64_t goals)
    : goals_((require(goals == 1 || goals == 4, "goals = {} must be 1 or 4", goals),
              goal_points(goals))),
      prior_precision_(prior_precisions()) {}

PlanarRobot::Arm PlanarRobot::arm(const Tensor& x) const {
  require_points(x);
  const Tensor angle = x.cumsum(-1);
  Arm arm{angle.cos(), angle.sin(), {}, {}};
  const Tensor goals = goals_.like(x);
  const Tensor miss_x = total(arm.cosine) - goals.select(1, 0);  // (..., n, goals)
  const Tensor miss_y = total(arm.sine) - goals.select(1, 1);
  const Tensor nearest = (miss_x.square() + miss_y.square()).detach().argmin(-1, /*keepdim=*/true);
  arm.miss_x = miss_x.gather(-1, nearest);
  arm.miss_y = miss_y.gather(-1, nearest);
  return arm;
}

Tensor PlanarRobot::log_density(const Tensor& x) const {
  return log_density_and_score(x).log_density;
}

/// ∂h/∂θ_k = Σ_{j >= k} (-sin c_j, cos c_j).
LogDensityAndScore PlanarRobot::log_density_and_score(const Tensor& x) const {
  const Arm now = arm(x);
  const Tensor prior_pull = prior_precision_.like(x) * x;
  const Tensor miss = (now.miss_x.square() + now.miss_y.square()).squeeze(-1);
  const Tensor pull = sum_from(now.miss_y * now.cosine - now.miss_x * now.sine);
  return {-0.5 * (x * prior_pull).sum(-1) - 0.5 * kGoalPrecision * miss + log_norm(),
          -prior_pull - kGoalPrecision * pull};
}

/// With V = cumsum v the turn of every link, the hand moves by Σ_j (-sin c_j, cos c_j) V_j.
Tensor PlanarRobot::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  const Arm now = arm(x);
  const Tensor turn = v.cumsum(-1);
  const Tensor move_x = -total(now.sine * turn);
  const Tensor move_y = total(now.cosine * turn);
  const Tensor by_move = move_y * now.cosine - move_x * now.sine;
  const Tensor by_turn = -(now.miss_y * now.sine + now.miss_x * now.cosine) * turn;
  return -prior_precision_.like(x) * v - kGoalPrecision * sum_from(by_move + by_turn);
}

KnownAnswers PlanarRobot::known() const {
  KnownAnswers answers;
  answers.mean = at::zeros({kJoints}, at::kDouble);
  return answers;
}

}  // namespace ergon
