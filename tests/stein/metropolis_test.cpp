#include "ergon/stein/metropolis.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/golden_step.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

TEST(SteinMetropolis, ReproducesTheReferenceGivenItsUniforms) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    expect_close(step.log_density(step.at("x")), step.at("log_p"), kTight, step.name + " log p");
    const Tensor log_det = step.at("ref_lr") * step.at("ref_trJ");
    const Tensor log_q = step.at("ref_logq_next") + log_det;  // before the step
    const Tensor proposed = step.log_density(step.at("ref_x_next"));
    const Tensor log_alpha = stein::log_acceptance(proposed, step.at("log_p"), log_det);
    expect_close(log_alpha, step.at("mh_log_p_acc"), kTight, step.name + " log acceptance");
    const Tensor accepted = step.at("mh_u") < log_alpha.exp();
    EXPECT_TRUE(accepted.equal(step.at("mh_mask"))) << step.name;
    const Tensor moved = at::where(accepted.unsqueeze(-1), step.at("ref_x_next"), step.at("x"));
    expect_close(moved, step.at("mh_x_next"), kTight, step.name + " x");
    expect_close(stein::mixed_log_density(log_q, log_alpha, log_det), step.at("mh_logq_next"),
                 kTight, step.name + " log q");
  }
}

TEST(SteinMetropolis, RejectsProposalsThatAreNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor proposed = at::tensor({nan, -infinity, 0.0}, at::kDouble);
  const Tensor alpha =
      stein::log_acceptance(proposed, at::zeros({3}, at::kDouble), at::zeros({3}, at::kDouble))
          .exp();
  expect_close(alpha, at::tensor({0.0, 0.0, 1.0}, at::kDouble), kTight, "acceptance");
}

TEST(SteinMetropolis, DensityIsTheChangeOfVariablesWhenAcceptedAndUnchangedWhenRejected) {
  const Tensor log_q = at::tensor({-1.0, -1.0}, at::kDouble);
  const Tensor log_alpha = at::tensor({0.0, -std::numeric_limits<double>::infinity()}, at::kDouble);
  const Tensor log_det = at::tensor({0.3, 0.3}, at::kDouble);
  // 1e-8 is added to 1-α as published.
  expect_close(stein::mixed_log_density(log_q, log_alpha, log_det),
               at::tensor({-1.3, -1.0}, at::kDouble), 1e-7, "log q");
}

}  // namespace
}  // namespace ergon::testing
