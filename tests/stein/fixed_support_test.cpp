#include "ergon/stein/fixed_support.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <string>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"
#include "support/fixed_support_oracle.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using stein::Determinant;
using stein::Support;

struct Size {
  std::int64_t batch;
  std::int64_t count;
  std::int64_t dim;
};
// |B| below, at and above D; one point; blocks that no vector width or register block divides.
const std::vector<Size> kSizes = {{0, 1, 1},  {0, 9, 1},   {0, 30, 2},  {3, 7, 2},   {0, 70, 3},
                                  {2, 5, 5},  {0, 11, 10}, {0, 40, 10}, {0, 10, 40}, {2, 6, 17},
                                  {0, 3, 40}, {0, 60, 40}, {0, 5, 4}};

std::string name_of(const Size& size) {
  return fmt::format("batch {} |B| {} D {}", size.batch, size.count, size.dim);
}

void kill_some(Support& support) {
  support.alive = at::ones(support.points.sizes().slice(0, support.points.dim() - 1), at::kBool);
  support.alive.select(-1, 0).fill_(false);
  if (support.points.size(-2) > 4) support.alive.select(-1, 3).fill_(false);
}

std::vector<Tensor> inputs_of(Support& support, Tensor& step, Tensor& x) {
  std::vector<Tensor*> all = {&x, &support.points, &support.score, &support.bandwidth, &step};
  std::vector<Tensor> leaves;
  for (Tensor* tensor : all) leaves.push_back(*tensor = tensor->detach().clone().requires_grad_());
  return leaves;
}

const char* const kInputNames[] = {"x", "points", "score", "bandwidth", "step size"};

// A scalar of both outputs with fixed random weights.
Tensor weighted(const stein::Pushed& pushed, std::uint64_t seed) {
  Generator generator = Seed(seed).generator();
  const Tensor a = draw::normal_like(pushed.points.detach(), generator);
  const Tensor b = draw::normal_like(pushed.log_det.detach(), generator);
  return (a * pushed.points).sum() + (b * pushed.log_det).sum();
}

void expect_same_gradients(const Tensor& actual,
                           const Tensor& expected,
                           const std::vector<Tensor>& inputs,
                           const std::string& name) {
  const auto ours = torch::autograd::grad({actual}, inputs, {}, /*retain_graph=*/true);
  const auto truth = torch::autograd::grad({expected}, inputs, {}, /*retain_graph=*/true);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    expect_close(ours[i], truth[i], tolerance<double>(), name + ": " + kInputNames[i]);
}

TEST(SteinFixedSupport, FieldAndJacobianMatchAutomaticDifferentiation) {
  for (const Size& size : kSizes) {
    for (const bool dropped : {false, true}) {
      if (dropped && size.count < 2) continue;
      Support support = random_support(size.batch, size.count, size.dim, 1);
      if (dropped) kill_some(support);
      const Tensor x = points_near(support, 13, 1.5, 2);
      expect_close(stein::field(support, x), oracle_field(support, x), tolerance<double>(),
                   name_of(size) + " field");
      expect_close(stein::field_jacobian(support, x), oracle_jacobian(support, x).detach(),
                   tolerance<double>(), name_of(size) + " Jacobian");
    }
  }
}

TEST(SteinFixedSupport, PushForwardMatchesPivotedEliminationByBothDeterminants) {
  for (const Size& size : kSizes) {
    const Support support = random_support(size.batch, size.count, size.dim, 3);
    const Tensor x = points_near(support, 21, 1.5, 4);
    const Tensor step = certified_step(support, 0.99);
    const auto truth = oracle_push(support, step, x);
    for (const auto how : {Determinant::kAuto, Determinant::kDense, Determinant::kLowRank}) {
      const auto pushed = stein::push_forward(support, step, x, how);
      expect_close(pushed.points, truth.points.detach(), tolerance<double>(), name_of(size));
      expect_close(pushed.log_det, truth.log_det.detach(), tolerance<double>(),
                   name_of(size) + fmt::format(" log det, method {}", static_cast<int>(how)));
    }
    expect_close(stein::push_forward_points(support, step, x), truth.points.detach(),
                 tolerance<double>(), name_of(size) + " points alone");
  }
}

TEST(SteinFixedSupport, GradientsMatchAutomaticDifferentiationOfTheDefinition) {
  for (const Size& size : kSizes) {
    for (const bool dropped : {false, true}) {
      if (dropped && size.count < 2) continue;
      Support support = random_support(size.batch, size.count, size.dim, 5);
      if (dropped) kill_some(support);
      Tensor x = points_near(support, 11, 1.5, 6), step = certified_step(support, 0.8);
      const auto inputs = inputs_of(support, step, x);
      const Tensor truth = weighted(oracle_push(support, step, x), 7);
      for (const auto how : {Determinant::kDense, Determinant::kLowRank}) {
        const auto pushed = stein::push_forward(support, step, x, how);
        expect_same_gradients(
            weighted(pushed, 7), truth, inputs,
            name_of(size) + (how == Determinant::kDense ? " dense" : " low rank"));
      }
    }
  }
}

TEST(SteinFixedSupport, GradientsOfOneOutputAloneMatchToo) {
  Support support = random_support(2, 9, 3, 8);
  Tensor x = points_near(support, 5, 1.5, 9), step = certified_step(support, 0.5);
  const auto inputs = inputs_of(support, step, x);
  const auto pushed = stein::push_forward(support, step, x);
  const auto truth = oracle_push(support, step, x);
  expect_same_gradients(pushed.points.pow(2).sum(), truth.points.pow(2).sum(), inputs, "points");
  expect_same_gradients(pushed.log_det.pow(2).sum(), truth.log_det.pow(2).sum(), inputs, "log det");
  const Tensor alone = stein::push_forward_points(support, step, x);
  expect_same_gradients(alone.pow(2).sum(), truth.points.pow(2).sum(), inputs, "points alone");
  const std::vector<Tensor> without_step(inputs.begin(), inputs.end() - 1);
  expect_same_gradients(stein::field(support, x).pow(2).sum(),
                        oracle_field(support, x).pow(2).sum(), without_step, "field");
  expect_same_gradients(stein::field_jacobian(support, x).pow(3).sum(),
                        oracle_jacobian(support, x).pow(3).sum(), without_step, "Jacobian");
}

// Of Σ (gradient)² over all inputs, through both.
void expect_same_second_derivatives(const Tensor& actual,
                                    const Tensor& expected,
                                    const std::vector<Tensor>& inputs,
                                    const std::string& name) {
  const auto squared = [&](const Tensor& value) {
    Tensor sum = at::zeros({}, at::kDouble);
    for (const Tensor& each : torch::autograd::grad({value}, inputs, {}, true, true))
      sum = sum + each.pow(2).sum();
    return sum;
  };
  expect_same_gradients(squared(actual), squared(expected), inputs, name + ", second");
}

TEST(SteinFixedSupport, SecondDerivativesMatchAutomaticDifferentiation) {
  Support support = random_support(2, 5, 2, 32);
  kill_some(support);
  Tensor x = points_near(support, 3, 1.5, 33), step = certified_step(support, 0.5);
  const auto inputs = inputs_of(support, step, x);
  const auto pushed = stein::push_forward(support, step, x);
  const auto truth = oracle_push(support, step, x);
  expect_same_second_derivatives(weighted(pushed, 34), weighted(truth, 34), inputs, "push");
  expect_same_second_derivatives(pushed.log_det.sum(), truth.log_det.sum(), inputs, "log det");
  const std::vector<Tensor> without_step(inputs.begin(), inputs.end() - 1);
  expect_same_second_derivatives(stein::field(support, x).pow(2).sum(),
                                 oracle_field(support, x).pow(2).sum(), without_step, "field");
  expect_same_second_derivatives(stein::field_jacobian(support, x).pow(3).sum(),
                                 oracle_jacobian(support, x).pow(3).sum(), without_step,
                                 "Jacobian");
}

TEST(SteinFixedSupport, GradientsAtStepSizeZeroAreFinite) {
  Support support = random_support(0, 9, 3, 10);
  Tensor x = points_near(support, 5, 1.5, 11), step = at::zeros({}, at::kDouble);
  const auto inputs = inputs_of(support, step, x);
  const auto pushed = stein::push_forward(support, step, x);
  expect_same_gradients(weighted(pushed, 12), weighted(oracle_push(support, step, x), 12),
                        {step, x}, "step 0");
}

TEST(SteinFixedSupport, GradientsAtFarAndCoincidentPointsAreFinite) {
  Support support = random_support(0, 9, 2, 13);
  Tensor x = at::cat({support.points.narrow(0, 0, 3), points_near(support, 4, 1e8, 14),
                      points_near(support, 2, 1e200, 15)});
  Tensor step = certified_step(support, 0.9);
  const auto inputs = inputs_of(support, step, x);
  const auto pushed = stein::push_forward(support, step, x);
  EXPECT_TRUE(pushed.points.isfinite().all().item<bool>());
  EXPECT_TRUE(pushed.log_det.isfinite().all().item<bool>());
  for (const Tensor& gradient : torch::autograd::grad({weighted(pushed, 16)}, inputs))
    EXPECT_TRUE(gradient.isfinite().all().item<bool>());
}

// Each call draws one length for all its rows: a call's mean over copies of a point is one sample.
// False alarm rate: |mean - truth| > 4 standard errors has probability 7e-5 for each of the 8
// means.
TEST(SteinFixedSupport, SeriesIsUnbiasedForTheLogDeterminant) {
  const at::NoGradGuard no_grad;
  constexpr int kCalls = 150;
  for (const Size& size : {Size{0, 30, 12}, Size{0, 8, 20}, Size{2, 10, 6}}) {
    Support support = random_support(size.batch, size.count, size.dim, 17);
    kill_some(support);
    const Tensor x = points_near(support, 2, 0.5, 18), step = certified_step(support, 0.95);
    const Tensor truth = stein::push_forward(support, step, x).log_det;
    const Tensor copies = x.repeat_interleave(100, -2);
    Generator generator = Seed(19).generator();
    std::vector<Tensor> means;
    for (int call = 0; call < kCalls; ++call) {
      const auto pushed = stein::push_forward_series(support, step, copies, 2, 1, generator);
      means.push_back(pushed.log_det.unflatten(-1, {2, 100}).mean(-1));
    }
    const Tensor mean = at::stack(means).mean(0),
                 error = at::stack(means).std(0) / std::sqrt(kCalls);
    EXPECT_TRUE(((mean - truth).abs() < 4 * error).all().item<bool>())
        << name_of(size) << ": " << (mean - truth) << " standard errors " << error;
    EXPECT_GT(truth.abs().max().item<double>(), 50 * error.max().item<double>())
        << "too noisy to show anything: " << truth << error;
  }
}

TEST(SteinFixedSupport, SeriesWithManyTermsAndItsGradientsAreThoseOfTheProbedPowers) {
  // One dimension: a Rademacher probe gives the trace exactly, and the series its limit.
  Support support = random_support(0, 9, 1, 20);
  Tensor x = points_near(support, 5, 1.5, 21), step = certified_step(support, 0.3);
  const auto inputs = inputs_of(support, step, x);
  const auto series = stein::push_forward_series(support, step, x, 40, 1, Seed(22).generator());
  const auto truth = oracle_push(support, step, x);
  expect_close(series.log_det.detach(), truth.log_det.detach(), tolerance<double>(), "log det");
  expect_same_gradients(weighted(series, 23), weighted(truth, 23), inputs, "series");
}

TEST(SteinFixedSupport, SinglePrecisionFollowsDoublePrecision) {
  for (const Size& size : kSizes) {
    Support support = random_support(size.batch, size.count, size.dim, 24);
    Tensor x = points_near(support, 19, 1.5, 25), step = certified_step(support, 0.8);
    Support single{support.points.to(at::kFloat),
                   support.score.to(at::kFloat),
                   support.bandwidth.to(at::kFloat),
                   {}};
    Tensor single_x = x.to(at::kFloat), single_step = step.to(at::kFloat);
    const auto inputs = inputs_of(support, step, x);
    const auto single_inputs = inputs_of(single, single_step, single_x);
    const auto pushed = stein::push_forward(support, step, x);
    const auto single_pushed = stein::push_forward(single, single_step, single_x);
    const double relative = 10 * tolerance<float>();
    expect_close(single_pushed.points, pushed.points, relative, name_of(size));
    expect_close(single_pushed.log_det, pushed.log_det, relative, name_of(size) + " log det");
    const auto truth = torch::autograd::grad({pushed.log_det.sum()}, inputs);
    const auto ours = torch::autograd::grad({single_pushed.log_det.sum()}, single_inputs);
    for (std::size_t i = 0; i < truth.size(); ++i)
      expect_close(ours[i], truth[i], relative, name_of(size) + " gradient of " + kInputNames[i]);
  }
}

TEST(SteinFixedSupport, KeepsItsDigitsOnWideSupportsFarFromTheOrigin) {
  Support support = random_support(0, 200, 2, 26);
  support.points = at::floor(support.points * 13 * 1024) / 1024;  // spread over about [-40, 40]
  support.bandwidth = at::full({}, 0.5, at::kDouble);
  const Tensor x = at::floor(points_near(support, 100, 20, 27) * 1024) / 1024;
  const Tensor step = certified_step(support, 0.9);
  const auto here = stein::push_forward(support, step, x);
  EXPECT_GT(here.log_det.abs().max().item<double>(), 1e-4);
  expect_close(here.log_det, oracle_push(support, step, x).log_det.detach(), tolerance<double>(),
               "wide support");
  Support moved = support;  // by a number that all points keep exactly
  moved.points = support.points + 1048576.0;
  const auto there = stein::push_forward(moved, step, x + 1048576.0);
  expect_close(there.log_det, here.log_det, tolerance<double>(), "moved");
}

TEST(SteinFixedSupport, HundredsOfThousandsOfPointsNeedNoMemoryPerPair) {
  const at::NoGradGuard no_grad;
  const Support support = random_support(0, 200, 2, 28);
  const Tensor x = points_near(support, 200000, 1.5, 29), step = certified_step(support, 0.9);
  const auto pushed = stein::push_forward(support, step, x);
  const auto some = oracle_push(support, step, x.narrow(0, 123456, 10));
  expect_close(pushed.log_det.narrow(0, 123456, 10), some.log_det.detach(), tolerance<double>(),
               "log det");
}

TEST(SteinFixedSupport, RefusesStepsBeyondTheBoundAndInputsThatDoNotFit) {
  const Support support = random_support(0, 9, 2, 30);
  const Tensor x = points_near(support, 3, 1.5, 31);
  EXPECT_THROW(stein::push_forward(support, certified_step(support, 1.01), x), InvalidInput);
  EXPECT_THROW(stein::push_forward(support, certified_step(support, 1.0) / 0.0, x), InvalidInput);
  EXPECT_THROW(stein::invert(support, certified_step(support, 1.01), x), InvalidInput);
  const Tensor step = certified_step(support, 0.9);
  EXPECT_THROW(stein::push_forward(support, step, x.to(at::kFloat)), InvalidInput);
  EXPECT_THROW(stein::push_forward(support, step, x.narrow(1, 0, 1)), InvalidInput);
  EXPECT_THROW(stein::push_forward(support, step, x.unsqueeze(0)), InvalidInput);
  Support dead = support;
  dead.alive = at::zeros({9}, at::kBool);
  EXPECT_THROW(stein::push_forward(dead, step, x), InvalidInput);
  EXPECT_THROW(stein::push_forward_series(support, step, x, 0, 1, Seed(1).generator()),
               InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
