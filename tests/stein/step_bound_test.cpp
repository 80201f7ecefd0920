#include "ergon/stein/step_bound.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/golden_step.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

TEST(SteinStepBound, EigenvalueBoundReproducesTheReference) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    const auto dim = step.at("x").size(1);
    const Tensor bound =
        stein::eigenvalue_bound(step.at("ref_trJ"), step.at("ref_trJtJ"), dim, 0.9);
    expect_close(bound, step.at("ref_lr_bound"), kTight, step.name + " bound");
    expect_close(stein::hard_clamp(step.at("lr"), bound), step.at("ref_lr"), kTight,
                 step.name + " clamped");
  }
}

TEST(SteinStepBound, TakesTheWorstLiveParticle) {
  const Tensor norm = at::tensor({2.0, 8.0, 4.0}, at::kDouble);
  EXPECT_DOUBLE_EQ(stein::norm_bound(norm, 0.8).item<double>(), 0.1);
  const Tensor alive = at::tensor({1, 0, 1}, at::kInt).to(at::kBool);
  EXPECT_DOUBLE_EQ(stein::norm_bound(norm, 0.8, alive).item<double>(), 0.2);
}

TEST(SteinStepBound, IsFiniteWhereTheVelocityHasNoSlope) {
  EXPECT_TRUE(stein::norm_bound(at::zeros({3}, at::kDouble), 0.9).isfinite().item<bool>());
}

TEST(SteinStepBound, ClampsLeaveSmallStepsAloneAndTheLeakyOneKeepsAGradient) {
  const Tensor bound = at::scalar_tensor(1.0, at::kDouble);
  for (const double step : {0.2, 0.9}) {
    EXPECT_EQ(stein::hard_clamp(at::scalar_tensor(step, at::kDouble), bound).item<double>(), step);
    EXPECT_EQ(stein::leaky_clamp(at::scalar_tensor(step, at::kDouble), bound).item<double>(), step);
  }
  Tensor step = at::tensor(3.0, at::kDouble).requires_grad_();
  Tensor clamped = stein::leaky_clamp(step, bound);
  EXPECT_DOUBLE_EQ(clamped.item<double>(), 1.0 - 2e-5);
  clamped.backward();
  EXPECT_DOUBLE_EQ(step.grad().item<double>(), -1e-5);
  EXPECT_EQ(stein::hard_clamp(step, bound).item<double>(), 1.0);
  EXPECT_EQ(stein::leaky_clamp(at::scalar_tensor(1e9, at::kDouble), bound).item<double>(), 0.0);
}

}  // namespace
}  // namespace ergon::testing
