#include "ergon/stein/velocity.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/golden_step.hpp"
#include "support/random_step.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

// φ_i of (2), term by term with differences: the definition, not the matrix form.
Tensor velocity_by_definition(const Tensor& x, const Tensor& score, const Tensor& bandwidth) {
  const Tensor difference = x.unsqueeze(-2) - x.unsqueeze(-3);
  const Tensor variance = bandwidth.pow(2).unsqueeze(-1).unsqueeze(-1);
  const Tensor kernel = (-0.5 * difference.pow(2).sum(-1) / variance).exp();
  const Tensor each = score.unsqueeze(-3) + difference / variance.unsqueeze(-1);
  return (kernel.unsqueeze(-1) * each).mean(-2);
}

TEST(SteinVelocity, MatchesBruteForceGolden) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    const auto both = stein::velocity_and_trace(step.support());
    expect_close(stein::velocity(step.support()), step.at("bf_phi"), kTight, step.name + " phi");
    expect_close(both.velocity, step.at("bf_phi"), kTight, step.name + " phi with trace");
    const double count = static_cast<double>(step.at("x").size(0));
    expect_close((both.drift_trace_sum + step.at("bf_trH")) / count, step.at("bf_trJ"), kTight,
                 step.name + " trace");
  }
}

TEST(SteinVelocity, ReproducesTheReferenceTraceGivenItsProbe) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    const auto both = stein::velocity_and_trace(step.support());
    const double count = static_cast<double>(step.at("x").size(0));
    const Tensor probed = (step.at("v") * step.at("Hv")).sum(-1);
    expect_close((both.drift_trace_sum + probed) / count, step.at("ref_trJ"), kTight,
                 step.name + " with Hessian");
    expect_close(both.drift_trace_sum / (count - 1), step.at("ref_trJ_noH"), kTight,
                 step.name + " P-SVGD");
    const Tensor residual =
        stein::stein_residual(both.velocity, step.at("score"), step.at("ref_trJ"));
    expect_close(residual.abs().sqrt(), step.at("ref_stein"), kTight,
                 step.name + " Stein residual");
  }
}

TEST(SteinVelocity, MatchesTheDefinitionForBatchesOfSets) {
  const auto step = random_step(3, 11, 4, 1);
  const auto support = step.support();
  expect_close(stein::velocity(support),
               velocity_by_definition(step.particles, step.score, step.bandwidth), kTight,
               "batched velocity");
}

TEST(SteinVelocity, DroppedParticlesActAsIfAbsent) {
  auto step = random_step(0, 9, 3, 2);
  const Tensor alive = at::ones({9}, at::kBool);
  alive[2] = false;
  alive[7] = false;
  const Tensor rest = alive.nonzero().squeeze(-1);
  step.particles[2] += 1e12;  // thrown far out: it must not cost the others their digits
  const auto masked =
      stein::velocity_and_trace({step.particles, step.score, step.bandwidth, alive});
  const Tensor kept_score = step.score.index_select(0, rest);
  const auto absent = stein::velocity_and_trace(
      {step.particles.index_select(0, rest), kept_score, step.bandwidth, {}});
  expect_close(masked.velocity.index_select(0, rest), absent.velocity, kTight, "velocity");
  expect_close(masked.drift_trace_sum.index_select(0, rest), absent.drift_trace_sum, kTight,
               "trace");
}

TEST(SteinVelocity, IsInvariantToTranslationAndFollowsPermutation) {
  const auto step = random_step(0, 12, 5, 3);
  const auto support = step.support();
  const Tensor velocity = stein::velocity(support);
  expect_close(stein::velocity({step.particles + 1000.0, step.score, step.bandwidth, {}}), velocity,
               1e-9, "translated by 1000");
  const Tensor order = at::tensor(std::vector<std::int64_t>{3, 1, 0, 2, 11, 10, 9, 8, 7, 6, 5, 4});
  const stein::Support permuted = {
      step.particles.index_select(0, order), step.score.index_select(0, order), step.bandwidth, {}};
  expect_close(stein::velocity(permuted), velocity.index_select(0, order), kTight, "permuted");
}

TEST(SteinVelocity, IsFiniteForCoincidentAndFarApartParticlesInSinglePrecision) {
  const Tensor coincident = at::full({6, 3}, 7.0, at::kFloat);
  const Tensor far = at::arange(18, at::kFloat).view({6, 3}) * 1e6;
  const Tensor score = at::ones({6, 3}, at::kFloat);
  for (const Tensor& x : {coincident, far}) {
    const auto both = stein::velocity_and_trace({x, score, at::scalar_tensor(0.5f), {}});
    EXPECT_TRUE(both.velocity.isfinite().all().item<bool>());
    EXPECT_TRUE(both.drift_trace_sum.isfinite().all().item<bool>());
  }
  // Coincident particles share one score and do not push each other.
  expect_close(stein::velocity({coincident, score, at::scalar_tensor(0.5f), {}}), score,
               tolerance<float>(), "coincident");
}

TEST(SteinVelocity, ResidualLeavesDroppedParticlesOut) {
  const auto step = random_step(0, 4, 2, 4);
  const Tensor trace = at::ones({4}, at::kDouble);
  Tensor alive = at::ones({4}, at::kBool);
  alive[0] = false;
  const Tensor expected = ((step.score * step.score).sum(-1) + trace).narrow(0, 1, 3).mean();
  expect_close(stein::stein_residual(step.score, step.score, trace, alive), expected, kTight,
               "residual");
}

}  // namespace
}  // namespace ergon::testing
