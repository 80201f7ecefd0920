#include "ergon/flow/normalizing_flow.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include "ergon/core/errors.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "flow/flow_cases.hpp"
#include "support/compare.hpp"
#include "support/contracts.hpp"
#include "support/tolerance.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::flow_cases;
using testing::FlowCase;
using ::testing::HasSubstr;
using testing::perturbed_flow;
using testing::small_flow;
using testing::tolerance;

constexpr double kStddev = 0.3;
constexpr double kLog2Pi = 1.8378770664093454836;

template <class Do>
std::string refusal(Do&& act) {
  try {
    act();
  } catch (const InvalidInput& problem) {
    return problem.what();
  }
  return "";
}

NormalizingFlow made(const FlowCase& flow, at::ScalarType type = at::kDouble) {
  return {flow.options, flow.dim, type, Seed(17).generator()};
}

class FlowNormalizingFlow : public ::testing::TestWithParam<FlowCase> {};

/// Few dimensions, in which importance sampling can tell.
TEST_P(FlowNormalizingFlow, IsADistribution) {
  FlowCase flow = GetParam();
  const bool needs_lattice = flow.options.architecture == FlowArchitecture::kGlow ||
                             flow.options.mask == CouplingMask::kCheckerboard;
  flow.dim = needs_lattice ? 4 : std::min<std::int64_t>(flow.dim, 2);
  testing::expect_distribution_contract(perturbed_flow(flow, at::kDouble, 0.2), 20000, Seed(5),
                                        flow.name);
}

TEST_P(FlowNormalizingFlow, HasTheScoreAndTheCurvatureOfItsLogDensity) {
  const NormalizingFlow flow = perturbed_flow(GetParam(), at::kDouble, kStddev);
  const Tensor x = flow.sample(3, Seed(2).generator());
  const Tensor v = draw::normal_like(x, Seed(3).generator());
  const double step = GetParam().options.support == FlowSupport::kPixels ? 1e-4 : 1e-6;
  const Tensor ahead = flow.log_density_and_score(x + step * v).score;
  const Tensor behind = flow.log_density_and_score(x - step * v).score;
  expect_close(flow.hessian_vector_product(x, v), (ahead - behind) / (2 * step), 1e-5, "curvature");
  const Tensor slope = (flow.log_density(x + step * v) - flow.log_density(x - step * v)).detach();
  expect_close((flow.log_density_and_score(x).score * v).sum(-1), slope / (2 * step), 1e-5,
               "score");
}

TEST_P(FlowNormalizingFlow, CarriesItsScoreAlong) {
  const NormalizingFlow flow = perturbed_flow(GetParam(), at::kDouble, kStddev);
  const Tensor z = flow.base_draws(6, Seed(4).generator());
  const Carried carried = flow.push_forward_with_score(z);
  const Draws draws = flow.push_forward(z);
  EXPECT_FALSE(carried.force.requires_grad());
  expect_close(carried.points, draws.particles, tolerance<double>(), "points");
  expect_close(carried.log_det, draws.log_q, tolerance<double>(), "log q");
  const LogDensityAndScore at = flow.log_density_and_score(draws.particles.detach());
  expect_close(carried.force, at.score, 100 * tolerance<double>(), "score");
}

TEST_P(FlowNormalizingFlow, HasParametersOfItsTypeThatAllMoveItsDensity) {
  const FlowCase& flow_case = GetParam();
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const NormalizingFlow flow = perturbed_flow(flow_case, type, kStddev);
    const Tensor x = flow.sample(20, Seed(6).generator());
    EXPECT_EQ(x.scalar_type(), type);
    flow.log_prob(x).sum().backward();
    std::set<std::string> names;
    for (const auto& [name, tensor] : flow.parameters()) {
      EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_TRUE(tensor.is_leaf() && tensor.requires_grad()) << name;
      EXPECT_EQ(tensor.scalar_type(), type) << name;
      ASSERT_TRUE(tensor.grad().defined()) << name;
    }
  }
}

TEST_P(FlowNormalizingFlow, FollowsFromItsGeneratorAlone) {
  const NormalizingFlow first = made(GetParam()), second = made(GetParam());
  const NamedTensors a = first.parameters(), b = second.parameters();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    testing::expect_same_bits(a[i].second, b[i].second, a[i].first);
  }
}

INSTANTIATE_TEST_SUITE_P(Flow,
                         FlowNormalizingFlow,
                         ::testing::ValuesIn(flow_cases()),
                         [](const auto& param) { return param.param.name; });

TEST(FlowNormalizingFlowStart, IsTheBaseDistributionWhereLayersStartAsTheIdentity) {
  for (const FlowCase& flow_case : flow_cases()) {
    const FlowArchitecture architecture = flow_case.options.architecture;
    const bool identity = architecture != FlowArchitecture::kPlanar &&
                          architecture != FlowArchitecture::kRadial &&
                          flow_case.options.support == FlowSupport::kReal;
    if (!identity) continue;
    NormalizingFlow flow = made(flow_case);
    if (flow_case.options.context_dim > 0) flow = flow.given(at::ones({2}, at::kDouble));
    const at::NoGradGuard no_graph;
    const Tensor x = flow.base_draws(5, Seed(1).generator());
    const Tensor expected =
        -0.5 * x.square().sum(-1) - 0.5 * kLog2Pi * static_cast<double>(flow.dim());
    expect_close(flow.log_prob(x), expected, 10 * tolerance<double>(), flow_case.name);
  }
}

TEST(FlowNormalizingFlowStart, StartsFromTheLocationAndScaleOfData) {
  NormalizingFlow flow = made({"maf", small_flow(FlowArchitecture::kMaf), 3});
  const Tensor data =
      100 + 20 * draw::normal_like(at::empty({500, 3}, at::kDouble), Seed(8).generator());
  flow.start_from_data(data);
  const Tensor draws = flow.sample(4000, Seed(9).generator());
  // Standard errors of the mean of 4000 draws: 20 / 63 = 0.32.
  EXPECT_LT((draws.mean(0) - data.mean(0)).abs().max().item<double>(), 1.6);
  EXPECT_LT((draws.std(0) / data.std(0) - 1).abs().max().item<double>(), 0.06);
}

TEST(FlowNormalizingFlowCouplings, EveryCoordinateMovesWhateverStandsBetweenTwoLayers) {
  for (const auto mask : {CouplingMask::kAlternating, CouplingMask::kHalves}) {
    for (const auto mixing : {FlowMixing::kNone, FlowMixing::kReverse}) {
      for (const std::int64_t dim : {2, 3, 4, 5}) {
        NormalizingFlowOptions options = small_flow(FlowArchitecture::kNice);
        options.mask = mask;
        options.mixing = mixing;
        NormalizingFlow flow = made({"nice", options, dim});
        // The location and scale at the end stay out of it.
        for (const auto& [name, tensor] : flow.parameters()) {
          const at::NoGradGuard no_graph;
          if (name.find("bias") != std::string::npos) Tensor(tensor).add_(0.5);
        }
        const at::NoGradGuard no_graph;
        const Tensor x = flow.push_forward(at::zeros({1, dim}, at::kDouble)).particles;
        EXPECT_EQ((x != 0).sum().item<std::int64_t>(), dim)
            << to_name(mask) << " " << to_name(mixing) << " " << dim;
      }
    }
  }
}

TEST(FlowNormalizingFlowSupport, TheDensityIsZeroOutsideABoxAndFiniteInside) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    NormalizingFlowOptions options = small_flow(FlowArchitecture::kSplineCoupling);
    options.support = FlowSupport::kBox;
    options.lower = -1;
    options.upper = 2;
    const NormalizingFlow flow = made({"box", options, 2}, type);
    const Tensor x =
        at::tensor({0.5, 0.5, -1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 0.0, -9.0}, at::kDouble).view({5, 2});
    const Tensor log_prob = flow.log_prob(x.to(type)).detach();
    EXPECT_TRUE(std::isfinite(log_prob[0].item<double>()));
    EXPECT_EQ((log_prob == -std::numeric_limits<double>::infinity()).sum().item<int>(), 4);
    const Tensor draws = flow.sample(1000, Seed(1).generator());
    EXPECT_TRUE(((draws > -1) & (draws < 2)).all().item<bool>());
    EXPECT_TRUE(flow.log_prob(draws).isfinite().all().item<bool>());
  }
}

TEST(FlowNormalizingFlowSupport, BlackAndWhitePixelsLieInside) {
  NormalizingFlowOptions options = small_flow(FlowArchitecture::kMaf);
  options.support = FlowSupport::kPixels;
  const NormalizingFlow flow = made({"pixels", options, 1}, at::kFloat);
  const at::NoGradGuard no_graph;
  const Tensor x = at::tensor({0.0, 256.0, 128.0}, at::kFloat).view({3, 1});
  // log N(logit p) + log dlogit(p)/dx with p = 0.05 + 0.9 x/256
  const Tensor p = 0.05 + 0.9 * x.to(at::kDouble).squeeze(-1) / 256;
  const Tensor logit = p.log() - (1 - p).log();
  const Tensor expected =
      -0.5 * logit.square() - 0.5 * kLog2Pi + std::log(0.9 / 256) - p.log() - (1 - p).log();
  expect_close(flow.log_prob(x), expected, tolerance<float>(), "log q");
}

TEST(FlowNormalizingFlowContext, OneContextForAllIsThatContextInEveryRow) {
  NormalizingFlowOptions options = small_flow(FlowArchitecture::kMaf);
  options.context_dim = 2;
  const NormalizingFlow flow = made({"maf", options, 3});
  testing::perturb_parameters(flow.layers(), 0.3, Seed(4));
  const Tensor context = at::tensor({0.3, -1.0}, at::kDouble);
  const Tensor x = draw::normal_like(at::empty({2, 4, 3}, at::kDouble), Seed(1).generator());
  const Tensor all = flow.given(context).log_prob(x).detach();
  const Tensor rows = flow.given(context.expand({2, 4, 2})).log_prob(x).detach();
  expect_close(all, rows, tolerance<double>(), "log q");
  const Tensor other = flow.given(context + 1).log_prob(x).detach();
  EXPECT_GT((other - all).abs().min().item<double>(), 1e-6);
}

TEST(FlowNormalizingFlowContext, ContextsThatDoNotFitAreRefused) {
  NormalizingFlowOptions options = small_flow(FlowArchitecture::kRealNvp);
  const NormalizingFlow plain = made({"plain", options, 2});
  EXPECT_THAT(refusal([&] { plain.given(at::ones({2})); }), HasSubstr("is not conditional"));
  options.context_dim = 2;
  const NormalizingFlow flow = made({"conditional", options, 2});
  const Tensor x = at::zeros({3, 2}, at::kDouble);
  EXPECT_THAT(refusal([&] { flow.log_prob(x); }), HasSubstr("bind a context to it"));
  EXPECT_THAT(refusal([&] { flow.given(at::ones({3})); }), HasSubstr("conditional on 2 numbers"));
  EXPECT_THAT(refusal([&] {
                flow.given(at::ones({4, 2})).log_prob(x);
              }),
              HasSubstr("has rows (4) but the points have (3)"));
}

TEST(FlowNormalizingFlowParameters, AreCopiedInOnlyWhenAllFit) {
  NormalizingFlow flow = made({"nice", small_flow(FlowArchitecture::kNice), 2});
  NamedTensors values;
  for (const auto& [name, tensor] : flow.parameters()) {
    values.emplace_back(name, at::full_like(tensor.detach(), 0.25));
  }
  flow.set_parameters(values, "test");
  for (const auto& [name, tensor] : flow.parameters()) {
    EXPECT_TRUE((tensor == 0.25).all().item<bool>()) << name;
  }
  NamedTensors wrong = values;
  for (auto& [name, tensor] : wrong) tensor = at::zeros_like(tensor);
  wrong.back().second = at::zeros({7, 7});
  EXPECT_THAT(refusal([&] { flow.set_parameters(wrong, "a file"); }),
              HasSubstr("a file: array '" + wrong.back().first + "' has the shape (7, 7)"));
  EXPECT_TRUE((flow.parameters().front().second == 0.25).all().item<bool>());
  wrong.pop_back();
  EXPECT_THAT(refusal([&] { flow.set_parameters(wrong, "a file"); }), HasSubstr("is missing"));
  values.emplace_back("foreign", at::zeros({1}));
  EXPECT_THAT(refusal([&] { flow.set_parameters(values, "a file"); }),
              HasSubstr("'foreign' is no parameter of this flow"));
}

TEST(FlowNormalizingFlowLayers, OfOnesOwnMakeAFlow) {
  const NormalizingFlow flow(std::make_shared<ElementwiseAffine>(2));
  EXPECT_EQ(flow.options(), nullptr);
  EXPECT_EQ(flow.type(), at::kDouble);
  EXPECT_EQ(flow.sample(5, Seed(1).generator()).size(0), 5);
}

TEST(FlowNormalizingFlowTypes, PointsOfAnotherTypeAreConvertedAndTheResultBack) {
  const NormalizingFlow flow = made({"maf", small_flow(FlowArchitecture::kMaf), 2}, at::kFloat);
  const Tensor x = draw::normal_like(at::empty({3, 2}, at::kDouble), Seed(1).generator());
  const Tensor log_prob = flow.log_prob(x);
  EXPECT_EQ(log_prob.scalar_type(), at::kDouble);
  expect_close(log_prob.detach(), flow.log_prob(x.to(at::kFloat)).detach(), tolerance<float>(),
               "log q");
}

}  // namespace
}  // namespace ergon
