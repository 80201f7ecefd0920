#include "ergon/learn/gradient_comparison.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ergon/core/errors.hpp"
#include "ergon/density/gaussian.hpp"
#include "support/compare.hpp"

namespace ergon::testing {
namespace {

NormalizingFlow small_flow() {
  NormalizingFlowOptions options = normalizing_flow_preset(FlowArchitecture::kRealNvp);
  options.layers = 2;
  options.network.hidden = 8;
  return NormalizingFlow(options, 2, at::kDouble, Seed(1).generator());
}

Gaussian standard_normal() {
  return Gaussian("p", at::zeros({2}, at::kDouble), at::ones({2}, at::kDouble));
}

TEST(LearnGradientComparison, PathGradientsDoNotVaryWhereFlowAndTargetAreEqual) {
  const NormalizingFlow flow = small_flow();
  const Gaussian target = standard_normal();
  const Tensor exact = *target.sample(200, Seed(2).generator());
  const auto spreads = compare_gradients(flow, target, exact, {20, 10}, Seed(3));
  ASSERT_EQ(spreads.size(), 4U);
  for (const EstimatorSpread& spread : spreads) {
    const bool path = spread.estimator == FlowGradient::kReversePath ||
                      spread.estimator == FlowGradient::kForwardPath;
    if (path) {
      EXPECT_LT(spread.variance.total, 1e-24) << to_name(spread.estimator);
    } else {
      EXPECT_GT(spread.variance.total, 1e-2) << to_name(spread.estimator);
    }
  }
}

TEST(LearnGradientComparison, IsThatOfTheGradientsOfItsBatches) {
  const NormalizingFlow flow = small_flow();
  const Gaussian target("p", at::ones({2}, at::kDouble), at::full({2}, 2.0, at::kDouble));
  const auto spreads = compare_gradients(flow, target, {}, {5, 7}, Seed(3));
  ASSERT_EQ(spreads.size(), 2U);
  for (const EstimatorSpread& spread : spreads) {
    std::vector<Tensor> gradients;
    for (std::uint64_t batch = 0; batch < 5; ++batch) {
      const Tensor z = flow.base_draws(7, Seed(3).child("batch", batch).generator());
      gradients.push_back(flat_gradient(flow, reverse_kl_loss(flow, target, z, spread.estimator)));
    }
    const GradientVariance expected = gradient_variance(at::stack(gradients));
    EXPECT_EQ(spread.variance.total, expected.total);
    EXPECT_EQ(spread.variance.standard_error, expected.standard_error);
  }
}

TEST(LearnGradientComparison, RefusesTooFewBatchesAndDraws) {
  const NormalizingFlow flow = small_flow();
  const Gaussian target = standard_normal();
  const Tensor exact = *target.sample(19, Seed(2).generator());
  EXPECT_THROW(compare_gradients(flow, target, {}, {1, 10}, Seed(3)), InvalidInput);
  EXPECT_THROW(compare_gradients(flow, target, exact, {2, 10}, Seed(3)), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
