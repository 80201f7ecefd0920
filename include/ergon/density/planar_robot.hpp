#pragma once

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// Inverse kinematics of a planar arm of 10 links of length 1 (Arenz,
/// Neumann, Zhong 2018, "Efficient gradient-free variational inference using policy search"): joint
/// angles
///   θ_1 ~ N(0, 1), θ_2..θ_10 ~ N(0, 0.2²),  the hand at h = Σ_j (cos c_j, sin c_j), c = cumsum θ,
///   log p̄(θ) = log prior(θ) + max over goals g of log N(h; g, 0.01² I),
/// both normalised as densities; log Z is not known. One goal (7, 0), or four, (±7, 0) and (0, ±7).
/// Known: mean 0, by mirroring. Score and Hessian-vector product in O(D); where two goals are
/// equally near, those of the first.
class PlanarRobot : public Target {
 public:
  /// goals 1 or 4; throws InvalidInput otherwise.
  explicit PlanarRobot(std::int64_t goals = 1);

  std::string name() const override { return "planar-robot"; }
  std::int64_t dim() const override { return 10; }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;

 private:
  /// Where the hand and its nearest goal are, and the links' directions.
  struct Arm {
    Tensor cosine, sine;  ///< (..., n, 10) of the links' angles c_j
    Tensor miss_x;        ///< (..., n, 1) hand - nearest goal
    Tensor miss_y;
  };
  Arm arm(const Tensor& x) const;

  Constant goals_;            ///< (goals, 2)
  Constant prior_precision_;  ///< (10)
};

}  // namespace ergon
