#include "ergon/stein/joint.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "ergon/core/random.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/golden_step.hpp"
#include "support/random_step.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

TEST(SteinJoint, LogDeterminantsMatchBruteForceGolden) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  int cases = 0;
  for (const auto& step : golden_steps()) {
    if (!step.has("bf_full_logdet")) continue;
    ++cases;
    const Tensor jacobian = stein::joint_jacobian(step.support(), step.at("bf_H"));
    if (step.has("bf_full_spec")) {
      expect_close(stein::spectral_norm(jacobian), step.at("bf_full_spec"), kTight,
                   step.name + " joint spectral");
    }
    for (std::int64_t k = 0; k < step.at("bf_eps").size(0); ++k) {
      const auto det = stein::joint_log_determinant(jacobian, step.at("bf_eps")[k]);
      expect_close(det.log_abs_det, step.at("bf_full_logdet")[k], kTight,
                   step.name + " joint log det");
    }
  }
  EXPECT_GT(cases, 0);
}

TEST(SteinJoint, JacobianIsTheDerivativeOfTheVelocityOfAllParticles) {
  // Score of a Gaussian, s = -P x, so that automatic differentiation sees it too.
  const auto step = random_step(0, 5, 3, 11);
  const Tensor precision = at::matmul(step.hessian[0], step.hessian[0]) + at::eye(3, at::kDouble);
  const Tensor x = step.particles.clone().requires_grad_();
  const Tensor phi = stein::velocity({x, -at::matmul(x, precision), step.bandwidth, {}});
  const Tensor flat = phi.flatten();
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < flat.size(0); ++i) {
    rows.push_back(torch::autograd::grad({flat[i]}, {x}, {}, true)[0].flatten());
  }
  const Tensor score = -at::matmul(step.particles, precision);
  const Tensor hessian = (-precision).expand({5, 3, 3});
  expect_close(stein::joint_jacobian({step.particles, score, step.bandwidth, {}}, hessian),
               at::stack(rows), kTight, "J");
}

TEST(SteinJoint, ProductAgreesWithTheExplicitMatrixForBatchesOfSets) {
  const auto step = random_step(2, 6, 3, 12);
  const auto support = step.support();
  const Tensor jacobian = stein::joint_jacobian(support, step.hessian);
  const Tensor v = draw::normal_like(step.particles, Seed(13).generator());
  const Tensor expected = at::matmul(jacobian, v.flatten(-2).unsqueeze(-1)).view_as(v);
  expect_close(stein::joint_jacobian_vector_product(support, step.hessian, v), expected, kTight,
               "J v");
}

TEST(SteinJoint, SeriesAgreesWithTheExactDeterminantWithinItsProbeError) {
  const auto step = random_step(0, 6, 3, 14);
  const auto support = step.support();
  const Tensor jacobian = stein::joint_jacobian(support, step.hessian);
  const Tensor epsilon = 0.3 / stein::spectral_norm(jacobian);
  const Tensor exact = stein::joint_log_determinant(jacobian, epsilon).log_abs_det;
  // The 18 basis vectors scaled by √18 are probes with unit covariance: the trace is exact, the
  // truncation error alone remains.
  const Tensor basis = (at::eye(18, at::kDouble) * std::sqrt(18.0)).view({18, 6, 3});
  const Tensor series =
      stein::joint_log_determinant_series(support, step.hessian, epsilon, basis, 16).log_det;
  EXPECT_NEAR(series.item<double>(), exact.item<double>(), 18 * std::pow(0.3, 17) / 17 / 0.7);
  // Random probes are unbiased.
  constexpr std::int64_t kProbes = 4000;
  const Tensor probes =
      draw::rademacher_like(at::empty({kProbes, 6, 3}, at::kDouble), Seed(15).generator());
  Tensor each = at::empty({kProbes}, at::kDouble);
  for (std::int64_t p = 0; p < kProbes; ++p) {
    each[p] = stein::joint_log_determinant_series(support, step.hessian, epsilon,
                                                  probes.narrow(0, p, 1), 16)
                  .log_det;
  }
  const double error = each.std().item<double>() / std::sqrt(static_cast<double>(kProbes));
  EXPECT_LT(std::abs(each.mean().item<double>() - exact.item<double>()) / error, 4.0);
}

TEST(SteinJoint, TraceIsTheSumOfTheBlockTraces) {
  const auto step = random_step(0, 6, 2, 16);
  const auto support = step.support();
  const Tensor joint = stein::joint_jacobian(support, step.hessian).diagonal().sum();
  const Tensor blocks = stein::velocity_jacobian(support, step.hessian).diagonal(0, -2, -1).sum();
  expect_close(joint, blocks, kTight, "trace");
}

}  // namespace
}  // namespace ergon::testing
