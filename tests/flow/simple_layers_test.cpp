#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/flow/box.hpp"
#include "ergon/flow/elementwise_affine.hpp"
#include "ergon/flow/linear_map.hpp"
#include "ergon/flow/permutation.hpp"
#include "flow/layer_cases.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using ::testing::HasSubstr;
using testing::tolerance;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor numbers(std::initializer_list<double> values) { return at::tensor(values, at::kDouble); }

Tensor points(std::int64_t n, std::int64_t dim, std::uint64_t seed) {
  return draw::normal_like(at::empty({n, dim}, at::kDouble), Seed(seed).generator());
}

template <class Do>
std::string refusal(Do&& act) {
  try {
    act();
  } catch (const InvalidInput& problem) {
    return problem.what();
  }
  return "";
}

// ---- elementwise affine

TEST(FlowElementwiseAffine, StartsAsTheIdentity) {
  const ElementwiseAffine layer(3);
  const Tensor x = points(5, 3, 1);
  const Mapped there = layer.forward(x, {});
  expect_close(there.points, x, 0.0, "points");
  EXPECT_EQ(there.log_det.abs().max().item<double>(), 0.0);
}

TEST(FlowElementwiseAffine, MovesByHandComputedNumbers) {
  const ElementwiseAffine layer(2);
  const at::NoGradGuard no_graph;
  layer.parameters()[0].second.copy_(numbers({1.0, -2.0}));
  // 14 tanh(σ/14) = log 3
  const double sigma = 14.0 * std::atanh(std::log(3.0) / 14.0);
  layer.parameters()[1].second.copy_(numbers({sigma, 0.0}));
  const Mapped there = layer.forward(numbers({2.0, 5.0}).view({1, 2}), {});
  expect_close(there.points, numbers({1 + 2 * 3.0, 5.0 - 2.0}).view({1, 2}), tolerance<double>(),
               "points");
  expect_close(there.log_det, numbers({std::log(3.0)}), tolerance<double>(), "log det");
}

TEST(FlowElementwiseAffine, StartFromDataStandardisesEveryCoordinate) {
  ElementwiseAffine layer(3);
  const Tensor y = points(400, 3, 2) * numbers({1e-3, 1.0, 1e5}) + numbers({5.0, -3.0, 2e5});
  const Tensor x = layer.start_from_data(y, {});
  EXPECT_FALSE(x.requires_grad());
  expect_close(x.mean(0) + 1, at::ones({3}, at::kDouble), tolerance<double>(), "means");
  expect_close(x.square().mean(0), at::ones({3}, at::kDouble), tolerance<double>(), "variances");
  expect_close(layer.inverse(y, {}).points.detach(), x.clone(), tolerance<double>(), "inverse");
}

TEST(FlowElementwiseAffine, AConstantCoordinateKeepsItsScale) {
  ElementwiseAffine layer(2);
  const Tensor y = at::stack({at::full({6}, 4.0, at::kDouble), at::arange(6, at::kDouble)}, -1);
  const Tensor x = layer.start_from_data(y, {});
  expect_close(x.select(1, 0) + 1, at::ones({6}, at::kDouble), tolerance<double>(), "constant");
  EXPECT_EQ(layer.parameters()[1].second[0].item<double>(), 0.0);
}

TEST(FlowElementwiseAffine, DataThatAreNotFiniteAreRefused) {
  ElementwiseAffine layer(1);
  EXPECT_THAT(refusal([&] {
                layer.start_from_data(numbers({1.0, NAN}).view({2, 1}), {});
              }),
              HasSubstr("finite numbers"));
  EXPECT_THAT(refusal([&] {
                layer.start_from_data(at::empty({0, 1}, at::kDouble), {});
              }),
              HasSubstr("at least one point"));
}

TEST(FlowElementwiseAffine, TheLargestParameterStillGivesFiniteNumbers) {
  for (const double sigma : {1e30, -1e30}) {
    const ElementwiseAffine layer(1);
    const at::NoGradGuard no_graph;
    layer.parameters()[1].second.fill_(sigma);
    const Mapped there = layer.forward(numbers({-10.0, 10.0}).view({2, 1}), {});
    EXPECT_TRUE(there.points.isfinite().all().item<bool>());
    expect_close(layer.inverse(there.points, {}).points, numbers({-10.0, 10.0}).view({2, 1}),
                 tolerance<double>(), "round trip");
  }
}

// ---- box

TEST(FlowBox, MapsTheLineOntoTheInterval) {
  const Box box(1, 2.0, 6.0);
  const Mapped there = box.forward(numbers({0.0, std::log(3.0)}).view({2, 1}), {});
  expect_close(there.points, numbers({4.0, 2 + 4 * 0.75}).view({2, 1}), tolerance<double>(),
               "points");
  // w t (1 - t) = 4/4 and 4 · 3/16
  expect_close(there.log_det + 1, numbers({1.0, 1 + std::log(0.75)}), tolerance<double>(),
               "log det");
}

TEST(FlowBox, FarPointsStayInsideWithAFiniteLogDeterminant) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const Box box(1, -0.1, 0.3);
    const Tensor x = numbers({-1e4, -200, -50, -20, 20, 50, 200, 1e4}).view({8, 1}).to(type);
    const Mapped there = box.forward(x, {});
    const Mapped back = box.inverse(there.points, {});
    EXPECT_TRUE(there.log_det.isfinite().all().item<bool>());
    EXPECT_TRUE(back.log_det.isfinite().all().item<bool>());
    EXPECT_TRUE(back.points.isfinite().all().item<bool>());
    // log f' -> log w - |x|
    expect_close(there.log_det, (std::log(0.4) - x.abs()).squeeze(-1), 10 * tolerance(type),
                 "log det");
    const Tensor force = box.carry_forward(x, at::zeros_like(x), {}).force;
    EXPECT_TRUE(force.isfinite().all().item<bool>());
  }
}

TEST(FlowBox, OutsideTheDensityIsZeroAndNothingIsNaN) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const Box box(2, 0.0, 1.0);
    const Tensor y = at::tensor({0.5, 0.0, 1.0, 0.5, 0.5, 1.5, -3.0, 9.0, 0.25, 0.5, 0.5,
                                 static_cast<double>(NAN)},
                                at::kDouble)
                         .view({6, 2})
                         .to(type)
                         .requires_grad_();
    const Mapped back = box.inverse(y, {});
    const Tensor inside = at::tensor({0, 0, 0, 0, 1, 0}).to(at::kBool);
    EXPECT_TRUE(back.log_det.isfinite().equal(inside));
    EXPECT_EQ((back.log_det == -kInfinity).sum().item<std::int64_t>(), 5);
    EXPECT_TRUE(back.points.isfinite().all().item<bool>());
    const Tensor sum = back.points.sum() + back.log_det.sum();
    const Tensor gradient = torch::autograd::grad({sum}, {y})[0];
    EXPECT_TRUE(gradient.isfinite().all().item<bool>());
    EXPECT_EQ(gradient[3].abs().sum().item<double>(), 0.0);
    const Carried carried = box.carry_inverse(y, at::ones_like(y), {});
    EXPECT_TRUE(carried.force.isfinite().all().item<bool>());
    EXPECT_EQ(carried.force[3].abs().sum().item<double>(), 0.0);
  }
}

TEST(FlowBox, TheUniformLawPushedBackIsLogistic) {
  const Box box(1, 0.0, 1.0);
  const Tensor x = at::linspace(-8, 8, 33, at::kDouble).view({-1, 1});
  // The logistic density is the derivative of the logistic function.
  const Tensor expected = (-x - 2 * (1 + (-x).exp()).log()).squeeze(-1);
  expect_close(box.forward(x, {}).log_det, expected, tolerance<double>(), "log det");
}

TEST(FlowBox, EndsThatATypeCannotTellApartOrSpanAreRefused) {
  const Tensor x = at::zeros({1, 1}, at::kFloat);
  for (const auto& [lower, upper] : {std::pair{1e8, 1e8 + 1}, std::pair{-3e38, 3e38}}) {
    const Box box(1, lower, upper);
    EXPECT_THAT(refusal([&] { box.forward(x, {}); }), HasSubstr("float32"));
    EXPECT_TRUE(box.forward(x.to(at::kDouble), {}).log_det.isfinite().all().item<bool>());
  }
}

TEST(FlowBox, EndsThatAreNoIntervalAreRefused) {
  EXPECT_THAT(refusal([] { Box(1, 1.0, 1.0); }), HasSubstr("finite ends in order"));
  EXPECT_THAT(refusal([] { Box(1, 0.0, kInfinity); }), HasSubstr("finite ends in order"));
  EXPECT_THAT(refusal([] { Box(0, 0.0, 1.0); }), HasSubstr("at least 1 coordinate"));
}

// ---- permutation and linear map

TEST(FlowPermutation, TakesTheCoordinatesInItsOrder) {
  const Permutation layer({2, 0, 1});
  const Tensor x = numbers({10, 20, 30}).view({1, 3});
  expect_close(layer.forward(x, {}).points, numbers({30, 10, 20}).view({1, 3}), 0.0, "forward");
  expect_close(layer.inverse(x, {}).points, numbers({20, 30, 10}).view({1, 3}), 0.0, "inverse");
  const Tensor reversed = Permutation::reversal(3).forward(x, {}).points;
  expect_close(reversed, numbers({30, 20, 10}).view({1, 3}), 0.0, "reversal");
}

TEST(FlowPermutation, WhatIsNoPermutationIsRefused) {
  EXPECT_THAT(refusal([] { Permutation({0, 0}); }), HasSubstr("0 is in it twice"));
  EXPECT_THAT(refusal([] { Permutation({0, 2}); }), HasSubstr("but 2 is in it as well"));
  EXPECT_THAT(refusal([] { Permutation(std::vector<std::int64_t>{}); }), HasSubstr("at least 1"));
}

TEST(FlowPermutation, AShuffleFollowsFromItsGenerator) {
  const Tensor x = at::arange(50, at::kDouble).view({1, 50});
  const auto shuffled = [&](std::uint64_t seed) {
    return Permutation::shuffle(50, Seed(seed).generator()).forward(x, {}).points;
  };
  EXPECT_TRUE(shuffled(3).equal(shuffled(3)));
  EXPECT_FALSE(shuffled(3).equal(shuffled(4)));
}

TEST(FlowLinearMap, IsThePermutationTimesItsTriangles) {
  const LinearMap layer(3, Seed(5).generator());
  const Tensor identity = at::eye(3, at::kDouble);
  const Tensor permutation = layer.forward(identity, {}).points.detach().t().clone();
  testing::perturb_parameters(layer, 0.5, Seed(6));
  const auto all = layer.parameters();
  const Tensor lower = all[0].second.detach().tril(-1) + identity;
  const Tensor diagonal = (14 * (all[2].second.detach() / 14).tanh()).exp();
  const Tensor upper = all[1].second.detach().triu(1) + at::diag(diagonal);
  const Tensor matrix = at::matmul(permutation, at::matmul(lower, upper));
  const Tensor x = points(7, 3, 7);
  const Mapped there = layer.forward(x, {});
  expect_close(there.points.detach(), at::matmul(x, matrix.t()), tolerance<double>(), "points");
  const Tensor log_det = std::get<1>(at::linalg_slogdet(matrix));
  expect_close(there.log_det.detach(), log_det.expand({7}), tolerance<double>(), "log det");
}

TEST(FlowLinearMap, UnderAContextItStartsAsItsPermutation) {
  const LinearMap plain(5, Seed(8).generator());
  const LinearMap told(5, 2, {}, Seed(8).generator());
  const Tensor x = points(4, 5, 9);
  const Mapped there = told.forward(x, points(4, 2, 10));
  expect_close(there.points.detach(), plain.forward(x, {}).points.detach(), 0.0, "points");
  EXPECT_EQ(there.log_det.abs().max().item<double>(), 0.0);
}

TEST(FlowLinearMap, EveryContextHasAMatrixOfItsOwn) {
  const LinearMap layer(3, 2, {}, Seed(11).generator());
  testing::perturb_parameters(layer, 0.3, Seed(12));
  const Tensor identity = at::eye(3, at::kDouble), contexts = points(2, 2, 13);
  std::vector<Tensor> matrices;
  for (const Tensor& context : contexts.unbind()) {
    const Tensor rows = context.expand({3, 2});
    matrices.push_back(layer.forward(identity, rows).points.detach().t());
    const Tensor log_det = std::get<1>(at::linalg_slogdet(matrices.back()));
    expect_close(layer.forward(identity, rows).log_det.detach(), log_det.expand({3}),
                 tolerance<double>(), "log det");
  }
  EXPECT_FALSE(at::allclose(matrices[0], matrices[1]));
  const Tensor x = points(2, 3, 14);
  expect_close(layer.forward(x, contexts).points.detach(),
               at::matmul(at::stack(matrices), x.unsqueeze(-1)).squeeze(-1), tolerance<double>(),
               "rows");
  EXPECT_THAT(refusal([] { LinearMap(3, -2, {}, Seed(1).generator()); }), HasSubstr("-2"));
  EXPECT_THAT(refusal([&] { layer.carry_forward(x, x, {}); }), HasSubstr("conditional"));
}

}  // namespace
}  // namespace ergon
