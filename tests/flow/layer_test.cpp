#include "ergon/flow/layer.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "ergon/core/random.hpp"
#include "flow/carry_oracle.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

/// y = sinh x by coordinates. Leaves everything that has a default to it.
class HyperbolicSine final : public FlowLayer {
 public:
  std::int64_t dim() const override { return 3; }
  Mapped forward(const Tensor& x, const Tensor&) const override {
    return {x.sinh(), x.cosh().log().sum(-1)};
  }
  Mapped inverse(const Tensor& y, const Tensor&) const override {
    return {y.asinh(), -0.5 * (1 + y.square()).log().sum(-1)};
  }
};

Tensor normal(std::uint64_t seed) {
  const Tensor like = at::empty({8, 3}, at::TensorOptions().dtype(at::kDouble));
  return draw::normal_like(like, Seed(seed).generator());
}

TEST(FlowLayerDefault, CarriesForcesAheadByOneInverse) {
  const HyperbolicSine layer;
  const Tensor x = normal(1), force = normal(2);
  // J = cosh x, ∇ log J = tanh x.
  const Carried there = layer.carry_forward(x, force, Tensor());
  expect_close(there.force, (force - x.tanh()) / x.cosh(), tolerance<double>(), "force");
  expect_close(there.points, x.sinh(), tolerance<double>(), "points");
  expect_close(there.log_det, x.cosh().log().sum(-1), tolerance<double>(), "log-det");
}

TEST(FlowLayerDefault, CarriesForcesBack) {
  const HyperbolicSine layer;
  const Tensor x = normal(1), force = normal(2);
  const Carried back = layer.carry_inverse(x.sinh(), force, Tensor());
  expect_close(back.points, x, tolerance<double>(), "points");
  expect_close(back.force, force * x.cosh() + x.tanh(), tolerance<double>(), "force");
}

TEST(FlowLayerDefault, CarriesForcesWithoutAGraphInEitherMode) {
  const HyperbolicSine layer;
  const Tensor x = normal(1).requires_grad_(true), force = normal(2).requires_grad_(true);
  const Carried with_graph = layer.carry_forward(x, force, Tensor());
  EXPECT_FALSE(with_graph.force.requires_grad());
  EXPECT_TRUE(with_graph.points.requires_grad());
  const at::NoGradGuard no_grad;
  const Carried without = layer.carry_forward(x, force, Tensor());
  EXPECT_FALSE(without.points.requires_grad());
  expect_same_bits(without.force, with_graph.force, "force");
}

TEST(FlowLayerDefault, TakesNoContextAndLearnsNothing) {
  HyperbolicSine layer;
  EXPECT_EQ(layer.context_dim(), 0);
  EXPECT_TRUE(layer.parameters().empty());
  const Tensor y = normal(3).requires_grad_(true);
  const Tensor x = layer.start_from_data(y, Tensor());
  EXPECT_FALSE(x.requires_grad());
  expect_same_bits(x, y.asinh(), "start from data");
}

TEST(FlowCarryOracle, AgreesWithAFormula) {
  const HyperbolicSine layer;
  const Tensor x = normal(1), force = normal(2);
  expect_close(brute_force_carry_forward(layer, x, force), (force - x.tanh()) / x.cosh(),
               tolerance<double>(), "ahead");
  expect_close(brute_force_carry_inverse(layer, x.sinh(), force), force * x.cosh() + x.tanh(),
               tolerance<double>(), "back");
}

}  // namespace
}  // namespace ergon::testing
