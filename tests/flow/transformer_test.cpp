#include "ergon/flow/transformer.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

// The additive and the affine map; the spline has tests of its own.
namespace ergon::testing {
namespace {

using Direction = Transformer::Direction;

Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
  const Tensor like = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  return draw::normal_like(like, Seed(seed).generator());
}

struct Case {
  const char* name;
  std::unique_ptr<Transformer> (*make)();
};

class FlowTransformer : public ::testing::TestWithParam<Case> {
 protected:
  const std::unique_ptr<Transformer> transformer_ = GetParam().make();
  const std::int64_t numbers_ = transformer_->parameters_per_coordinate();
  const Tensor x_ = normal({6, 4}, 1);
  const Tensor theta_ = normal({6, 4, numbers_}, 2);

  Transformed map(const Tensor& x, const Tensor& theta, Direction direction) const {
    return direction == Direction::kForward ? transformer_->forward(x, theta)
                                            : transformer_->inverse(x, theta);
  }
};

TEST_P(FlowTransformer, IsTheIdentityAtZero) {
  const Tensor zero = at::zeros_like(theta_);
  for (const Direction direction : {Direction::kForward, Direction::kInverse}) {
    expect_same_bits(map(x_, zero, direction).points, x_, "points");
    expect_close(map(x_, zero, direction).log_derivative, at::zeros_like(x_), 0, "log-derivative");
  }
}

TEST_P(FlowTransformer, GoesThereAndBack) {
  const Transformed there = transformer_->forward(x_, theta_);
  const Transformed back = transformer_->inverse(there.points, theta_);
  expect_close(back.points, x_, tolerance<double>(), "points");
  expect_close(-back.log_derivative, there.log_derivative, tolerance<double>(), "log-derivatives");
}

TEST_P(FlowTransformer, HasTheLogDerivativeAndSlopeOfAutograd) {
  for (const Direction direction : {Direction::kForward, Direction::kInverse}) {
    const Tensor x = x_.detach().clone().requires_grad_(true);
    const Transformed moved = map(x, theta_, direction);
    const Tensor derivative = torch::autograd::grad({moved.points.sum()}, {x})[0];
    expect_close(moved.log_derivative, derivative.log(), tolerance<double>(), "log-derivative");
    EXPECT_FALSE(moved.log_derivative.requires_grad()) << "it does not depend on x";
    EXPECT_FALSE(transformer_->slope(x_, theta_, direction).defined());
  }
}

TEST_P(FlowTransformer, PullsBackAsAutogradDoes) {
  const Tensor a = normal({6, 4}, 3);
  for (const Direction direction : {Direction::kForward, Direction::kInverse}) {
    for (const double b : {-1.0, 0.0, 2.5}) {
      const Tensor theta = theta_.detach().clone().requires_grad_(true);
      const Transformed moved = map(x_, theta, direction);
      const Tensor value = (a * moved.points).sum() + b * moved.log_derivative.sum();
      const Tensor actual = transformer_->pull_back(x_, theta, a, b, direction);
      EXPECT_FALSE(actual.requires_grad());
      expect_close(actual, torch::autograd::grad({value}, {theta})[0], tolerance<double>(),
                   "pull-back");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Flow,
                         FlowTransformer,
                         ::testing::Values(Case{"additive", [] { return additive_transformer(); }},
                                           Case{"affine", [] { return affine_transformer(0.8); }}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(FlowAffineTransformer, KeepsItsLogScaleWithinTheBound) {
  const auto transformer = affine_transformer(0.5);
  const Tensor theta = at::tensor({1e30, -1e30, 1e30, -1e30}, at::kDouble).view({1, 2, 2});
  const Tensor x = at::ones({1, 2}, at::kDouble);
  const Transformed moved = transformer->forward(
      x, theta.select(-1, 0).unsqueeze(-1) * at::tensor({1.0, 0.0}, at::kDouble));
  expect_close(moved.log_derivative, at::full({1, 2}, 0.5, at::kDouble), tolerance<double>(),
               "log-derivative");
  expect_close(moved.points, at::full({1, 2}, std::exp(0.5), at::kDouble), tolerance<double>(),
               "points");
}

TEST(FlowAffineTransformer, RefusesABoundThatIsNotPositive) {
  for (const double bound : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(affine_transformer(bound), InvalidInput) << bound;
  }
}

}  // namespace
}  // namespace ergon::testing
