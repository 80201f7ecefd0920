#include "ergon/sampler/stein_flow.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/estimate/importance.hpp"
#include "support/compare.hpp"
#include "support/contracts.hpp"
#include "support/named_target.hpp"
#include "support/recorded_run.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();
constexpr double kAsFarAsTheBound = 1e9;  // a step size that is cut at every step

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

AffineMap some_affine_map() {
  return {at::tensor({0.7, -0.4}, at::kDouble),
          at::tensor({1.3, 0.0, 0.6, 0.8}, at::kDouble).view({2, 2})};
}

SteinFlow with_affine_map(const SteinFlow& flow) {
  return SteinFlow(flow.initial(), flow.steps(), some_affine_map(), {});
}

struct FlowCase {
  std::string name, target;
  RunToRecord run;
  bool affine = false;
};

void PrintTo(const FlowCase& flow_case, std::ostream* out) { *out << flow_case.name; }

SteinFlow flow_of(const FlowCase& flow_case, SteinFlow::Method method = {}) {
  const auto target = named_target(flow_case.target);
  SteinFlow flow = recorded_flow(*target, flow_case.run, Seed(1), method);
  return flow_case.affine ? with_affine_map(flow) : flow;
}

const std::vector<FlowCase>& flow_cases() {
  static const std::vector<FlowCase> cases = {
      {"GaussianSmallSteps", "gaussian-worked", {50, 40, 1.0, 0.1, 2.5}},
      {"GaussianNearTheBound", "gaussian-worked", {40, 15, 3.0, kAsFarAsTheBound, 2.5}},
      {"MixtureNearTheBound", "mixture-4", {40, 15, 1.5, kAsFarAsTheBound, 2.5}},
      {"MixtureNarrowKernel", "mixture-4", {40, 20, 0.5, kAsFarAsTheBound, 2.5}},
      {"GaussianThroughAnAffineMap", "gaussian-worked", {40, 20, 1.0, 0.2, 2.0}, true},
  };
  return cases;
}

class SamplerSteinFlow : public ::testing::TestWithParam<FlowCase> {};

TEST_P(SamplerSteinFlow, DensityIntegratesToOne) {
  const SteinFlow flow = flow_of(GetParam());
  const double reach = 16, spacing = 0.16;
  const auto nodes = static_cast<std::int64_t>(2 * reach / spacing) + 1;
  const Tensor axis = at::linspace(-reach, reach, nodes, at::kDouble);
  const Tensor grid = at::stack(
      {axis.unsqueeze(1).expand({nodes, nodes}), axis.unsqueeze(0).expand({nodes, nodes})}, -1);
  const Tensor density = flow.log_prob(grid).exp();
  EXPECT_NEAR(density.sum().item<double>() * spacing * spacing, 1.0, 1e-6);
  // The density is not simply q0's, which integrates to one as well.
  EXPECT_GT((density - flow.initial().log_prob(grid).exp()).abs().max().item<double>(), 0.01);
}

// A quarter of the points each from q0, at 30 times its width, and 1e2 to 1e8 from the origin.
TEST_P(SamplerSteinFlow, InverseUndoesForwardAtTenThousandPoints) {
  const SteinFlow flow = flow_of(GetParam());
  Tensor z = 2.5 * normal({10000, 2}, 2);
  z.slice(0, 5000, 7500) *= 30;
  z.slice(0, 7500) *= at::logspace(2, 8, 2500, 10.0, at::kDouble).unsqueeze(1);
  const Mapped there = flow.forward(z), back = flow.inverse(there.points);
  const Tensor error = (back.points - z).norm(2, -1);
  const Tensor length = z.norm(2, -1);
  const Tensor allowed =
      at::where(length > 1e4, kTight * (1 + length), at::full_like(length, kTight));
  EXPECT_TRUE((error <= allowed).all().item<bool>())
      << "worst error " << error.masked_select(length <= 1e4).max().item<double>();
  EXPECT_LT((back.log_det + there.log_det).abs().max().item<double>(), 1e-9);
  EXPECT_GT((there.points - z).norm(2, -1).slice(0, 0, 5000).mean().item<double>(), 0.01);
}

TEST_P(SamplerSteinFlow, IsABijection) {
  expect_bijection_contract(flow_of(GetParam()), 2.5 * normal({200, 2}, 3), kTight,
                            GetParam().name);
}

TEST_P(SamplerSteinFlow, IsADistribution) {
  expect_distribution_contract(flow_of(GetParam()), 20000, Seed(4), GetParam().name);
}

TEST_P(SamplerSteinFlow, LogProbOfADrawIsTheLogQItCameWith) {
  const SteinFlow flow = flow_of(GetParam());
  const Draws draws = flow.sample_with_log_prob(2000, Seed(5).generator());
  EXPECT_LT((flow.log_prob(draws.particles) - draws.log_q).abs().max().item<double>(), 1e-9);
}

TEST_P(SamplerSteinFlow, DeterminantMethodsAgreeAndTheSeriesDoesOnAverage) {
  const std::int64_t count = 2000;
  const auto draws_with = [&](FlowDeterminant determinant) {
    SteinFlow::Method method;
    method.determinant = determinant;
    const SteinFlow plain = flow_of(GetParam());
    return SteinFlow(plain.initial(), plain.steps(), plain.affine(), method)
        .sample_with_log_prob(count, Seed(6).generator());
  };
  const Draws dense = draws_with(FlowDeterminant::kDense);
  const Draws low_rank = draws_with(FlowDeterminant::kLowRank);
  expect_close(low_rank.log_q, dense.log_q, kTight, "low-rank log q");
  const Draws series = draws_with(FlowDeterminant::kSeries);
  expect_close(series.particles, dense.particles, kTight, "series draws");
  // One check at 4 standard errors: a false alarm in 16,000 seeds.
  const Tensor difference = series.log_q - dense.log_q;
  const double error = difference.std().item<double>() / std::sqrt(static_cast<double>(count));
  EXPECT_GT(error, 0.0);
  EXPECT_LT(std::abs(difference.mean().item<double>()), 4 * error);
}

INSTANTIATE_TEST_SUITE_P(Sampler,
                         SamplerSteinFlow,
                         ::testing::ValuesIn(flow_cases()),
                         [](const auto& info) { return info.param.name; });

TEST(SamplerSteinFlowPlain, LowRankAndDenseAgreeInMoreDimensionsThanPoints) {
  const auto target = named_target("standard-normal", 20);
  const RunToRecord run = {8, 10, 3.0, kAsFarAsTheBound, 1.5};
  SteinFlow::Method dense, low_rank;
  dense.determinant = FlowDeterminant::kDense;
  low_rank.determinant = FlowDeterminant::kLowRank;
  const Tensor z = 1.5 * normal({300, 20}, 7);
  const Mapped a = recorded_flow(*target, run, Seed(1), dense).forward(z);
  const Mapped b = recorded_flow(*target, run, Seed(1), low_rank).forward(z);
  expect_close(b.log_det, a.log_det, kTight, "log-determinant");
  EXPECT_GT(a.log_det.abs().max().item<double>(), 0.1);
  expect_bijection_contract(recorded_flow(*target, run, Seed(1)), z, kTight, "20 dimensions");
}

/// A Gaussian times e^2.5.
class Unnormalised : public LogDensity {
 public:
  static constexpr double kLogZ = 2.5;
  std::int64_t dim() const override { return base_->dim(); }
  Tensor log_density(const Tensor& x) const override { return base_->log_density(x) + kLogZ; }

 private:
  std::unique_ptr<Target> base_ = named_target("gaussian-worked");
};

// 4 standard errors: a false alarm in 16,000 seeds.
TEST(SamplerSteinFlowPlain, MeanImportanceWeightIsTheNormaliser) {
  const Unnormalised target;
  const SteinFlow flow = recorded_flow(target, {50, 40, 2.0, 0.3, 2.5}, Seed(8));
  const Draws draws = flow.sample_with_log_prob(20000, Seed(9).generator());
  const Tensor log_density = target.log_density(draws.particles);
  WeightedDraws weighted;
  weighted.log_weight = log_density - draws.log_q;
  weighted.log_density = log_density;
  const ImportanceEstimates found = importance_estimates(weighted);
  EXPECT_LT(std::abs(found.log_z.value - Unnormalised::kLogZ), 4 * found.log_z.standard_error);
  EXPECT_LT(found.log_z.standard_error, 0.02);
}

TEST(SamplerSteinFlowPlain, DrawsAreQ0sPushedForwardWhateverTheSupport) {
  const auto target = named_target("mixture-4");
  const RunToRecord run = {30, 10, 1.0, 0.3, 2.5};
  const Tensor z = initial_of(run, 2).sample(100, Seed(10).generator());
  for (const std::uint64_t support : {1, 2}) {
    const SteinFlow flow = recorded_flow(*target, run, Seed(support));
    const Tensor x = flow.sample(100, Seed(10).generator());
    expect_close(flow.inverse(x).points, z, kTight, "q0's draws");
  }
}

TEST(SamplerSteinFlowPlain, ManyDrawsAreTheDrawsOfSmallerPortions) {
  const auto target = named_target("mixture-4");
  const SteinFlow flow = recorded_flow(*target, {10, 3, 1.0, 0.3, 2.5}, Seed(11));
  const Tensor z = 2.5 * normal({20000, 2}, 12);
  const Mapped all = flow.forward(z), last = flow.forward(z.slice(0, 19990));
  expect_close(all.points.slice(0, 19990), last.points, kTight, "points");
  expect_close(all.log_det.slice(0, 19990), last.log_det, kTight, "log-determinants");
}

TEST(SamplerSteinFlowPlain, IsTheIdentityFarFromEverySupportPoint) {
  const auto target = named_target("mixture-4");
  const SteinFlow flow = recorded_flow(*target, {30, 10, 1.0, 0.3, 2.5}, Seed(13));
  const Tensor far = at::tensor({900.0, -300.0, 0.0, 1e5}, at::kDouble).view({2, 2});
  expect_close(flow.log_prob(far), flow.initial().log_prob(far), kTight, "log q");
  expect_close(flow.forward(far).points, far, 0.0, "points");
}

TEST(SamplerSteinFlowPlain, AnAffineMapChangesTheDensityByItsDeterminant) {
  const auto target = named_target("gaussian-worked");
  const SteinFlow plain = recorded_flow(*target, {30, 10, 1.0, 0.3, 2.5}, Seed(14));
  const SteinFlow placed = with_affine_map(plain);
  const Tensor x = 3 * normal({50, 2}, 15);
  const Tensor scale = some_affine_map().scale();
  const Tensor z = at::matmul(x - some_affine_map().location(), scale.inverse().t());
  const double log_det = std::log(1.3 * 0.8);
  expect_close(placed.log_prob(x), plain.log_prob(z) - log_det, 10 * kTight, "log q");
}

TEST(SamplerSteinFlowPlain, RefusesDerivativesInsteadOfReturningZeros) {
  const auto target = named_target("gaussian-worked");
  const SteinFlow flow = recorded_flow(*target, {10, 2, 1.0, 0.3, 2.5}, Seed(17));
  const Tensor x = normal({4, 2}, 18);
  EXPECT_THROW(flow.log_density_and_score(x), InvalidInput);
  EXPECT_THROW(flow.hessian_vector_product(x, x), InvalidInput);
  EXPECT_THROW(flow.hessian(x), InvalidInput);
}

TEST(SamplerSteinFlowPlain, WithoutStepsItIsQ0) {
  const RunToRecord run;
  const SteinFlow flow(initial_of(run, 3), {}, {}, {});
  const Tensor x = normal({20, 3}, 16);
  expect_close(flow.log_prob(x), flow.initial().log_prob(x), 0.0, "log q");
  expect_close(flow.forward(x).points, x, 0.0, "points");
}

}  // namespace
}  // namespace ergon::testing
