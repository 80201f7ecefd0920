#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "../../src/flow/spline_composed.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/flow/transformer.hpp"
#include "flow/layer_cases.hpp"
#include "flow/traced.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using Direction = Transformer::Direction;
constexpr Direction kDirections[] = {Direction::kForward, Direction::kInverse};
constexpr std::int64_t kBins = 5;
constexpr double kTail = 3.0;
const double kTight = tolerance<double>();

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

/// Points of which some lie outside the tails.
Tensor some_points(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  return 2 * normal({rows, width}, seed);
}

Tensor some_theta(const Tensor& x, std::uint64_t seed, std::int64_t bins = kBins) {
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.push_back(3 * bins - 1);
  return normal(shape, seed);
}

Transformed apply(const Transformer& spline,
                  const Tensor& x,
                  const Tensor& theta,
                  Direction direction) {
  return direction == Direction::kForward ? spline.forward(x, theta) : spline.inverse(x, theta);
}

/// Knots of one axis, from their definition.
std::vector<double> naive_knots(const double* logits) {
  double total = 0, at = -kTail;
  for (std::int64_t k = 0; k < kBins; ++k) total += std::exp(logits[k]);
  std::vector<double> knots{at};
  for (std::int64_t k = 0; k < kBins; ++k)
    knots.push_back(at += 2 * kTail * (1e-3 + (1 - kBins * 1e-3) * std::exp(logits[k]) / total));
  return knots;
}

/// The slopes at all knots.
std::vector<double> naive_slopes(const double* numbers) {
  std::vector<double> slopes{1};
  for (std::int64_t k = 0; k + 1 < kBins; ++k)
    slopes.push_back(std::pow(1000.0, std::tanh(numbers[k] / std::log(1000.0))));
  slopes.push_back(1);
  return slopes;
}

/// Eq. 4 of Durkan et al. 2019 at one number.
double naive_spline(double x, const double* theta) {
  if (std::abs(x) > kTail) return x;
  const auto across = naive_knots(theta), up = naive_knots(theta + kBins);
  const auto slopes = naive_slopes(theta + 2 * kBins);
  std::size_t k = 0;
  while (k + 1 < kBins && x >= across[k + 1]) ++k;
  const double xi = (x - across[k]) / (across[k + 1] - across[k]), rise = up[k + 1] - up[k];
  const double s = rise / (across[k + 1] - across[k]);
  return up[k] + rise * (s * xi * xi + slopes[k] * xi * (1 - xi)) /
                     (s + (slopes[k + 1] + slopes[k] - 2 * s) * xi * (1 - xi));
}

/// Gradients of Σ weight_i output_i with respect to x and θ.
std::vector<Tensor> gradients(const Transformed& out,
                              const std::vector<Tensor>& weights,
                              const std::vector<Tensor>& inputs,
                              bool create_graph = false) {
  return torch::autograd::grad({out.points, out.log_derivative}, inputs, weights, create_graph,
                               create_graph);
}

/// Derivative of f at x along a direction, by central differences of the fourth order.
Tensor along(const std::function<Tensor(double)>& f, double h) {
  return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);
}

TEST(FlowSpline, IsTheRationalQuadraticFunctionOfItsKnots) {
  const auto spline = spline_transformer(kBins, kTail);
  const Tensor x = some_points(200, 2, 1), theta = some_theta(x, 2).contiguous();
  Tensor expected = at::empty_like(x);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    expected.data_ptr<double>()[i] =
        naive_spline(x.data_ptr<double>()[i], theta.data_ptr<double>() + i * (3 * kBins - 1));
  }
  expect_close(spline->forward(x, theta).points, expected, kTight, "fused");
  expect_close(spline::composed_map({kBins, kTail}, x, theta, Direction::kForward).points, expected,
               kTight, "composed");
  expect_close(spline->forward(x.to(at::kFloat), theta.to(at::kFloat)).points, expected,
               tolerance<float>(), "float32");
}

TEST(FlowSpline, LogDerivativeIsThatOfTheMap) {
  const auto spline = spline_transformer(kBins, kTail);
  const Tensor x = some_points(200, 2, 1), theta = some_theta(x, 2);
  for (const Direction direction : kDirections) {
    const Tensor leaf = x.clone().requires_grad_();
    const Tensor slope =
        torch::autograd::grad({apply(*spline, leaf, theta, direction).points.sum()}, {leaf})[0];
    expect_close(apply(*spline, x, theta, direction).log_derivative, slope.log(), kTight, "fused");
    expect_close(spline::composed_map({kBins, kTail}, x, theta, direction).log_derivative,
                 slope.log(), kTight, "composed");
  }
}

TEST(FlowSpline, IsTheIdentityAtZero) {
  const auto spline = spline_transformer(8, 5.0);
  for (const auto type : {at::kFloat, at::kDouble}) {
    const double rounding = type == at::kFloat ? 1e-6 : 2e-15;
    const Tensor x = at::linspace(-7, 7, 1401, at::kDouble).to(type).view({-1, 1});
    const Tensor theta = at::zeros({1401, 1, 23}, type);
    for (const Direction direction : kDirections) {
      for (const auto& out : {apply(*spline, x, theta, direction),
                              spline::composed_map({8, 5.0}, x, theta, direction)}) {
        EXPECT_LE((out.points - x).abs().max().item<double>(), 5 * rounding);
        EXPECT_LE(out.log_derivative.abs().max().item<double>(), rounding);
      }
    }
  }
}

TEST(FlowSpline, InverseUndoesForward) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const double relative = type == at::kFloat ? 10 * tolerance<float>() : kTight;
    const auto spline = spline_transformer(8, 5.0);
    const Tensor x = at::linspace(-10, 10, 2001, at::kDouble).to(type).view({-1, 1});
    const Tensor theta = some_theta(x, 3, 8).to(type);
    const Transformed there = spline->forward(x, theta);
    const Transformed back = spline->inverse(there.points, theta);
    expect_close(back.points, x, relative, "inverse of forward");
    expect_close(-back.log_derivative, there.log_derivative, relative, "log-derivatives");
    expect_close(spline->forward(spline->inverse(x, theta).points, theta).points, x, relative,
                 "forward of inverse");
    const Transformed composed =
        spline::composed_map({8, 5.0}, there.points, theta, Direction::kInverse);
    expect_close(composed.points, x, relative, "composed inverse of forward");
  }
}

TEST(FlowSpline, IsIncreasingAndMapsTheIntervalOntoItself) {
  const auto spline = spline_transformer(kBins, kTail);
  const Tensor x = at::linspace(-1.2 * kTail, 1.2 * kTail, 20001, at::kDouble).view({-1, 1});
  for (const double scale : {1.0, 5.0, 50.0}) {
    const Tensor theta = (scale * normal({1, 1, 14}, 4)).expand({20001, 1, 14});
    const Tensor y = spline->forward(x, theta).points.view(-1);
    EXPECT_TRUE((y.slice(0, 1) > y.slice(0, 0, -1)).all().item<bool>()) << scale;
    const Tensor inside = y.masked_select(x.view(-1).abs() <= kTail);
    EXPECT_LE(inside.abs().max().item<double>(), kTail * (1 + 1e-15)) << scale;
  }
}

TEST(FlowSpline, ValueAndSlopeAreContinuousAtKnotsAndTails) {
  const auto spline = spline_transformer(kBins, kTail);
  const Tensor theta = normal({14}, 5);
  const auto across = naive_knots(theta.data_ptr<double>());
  const auto up = naive_knots(theta.data_ptr<double>() + kBins);
  const auto slopes = naive_slopes(theta.data_ptr<double>() + 2 * kBins);
  for (std::size_t k = 0; k < across.size(); ++k) {
    const Tensor x = at::tensor({across[k] - 1e-9, across[k], across[k] + 1e-9}, at::kDouble);
    const Transformed out = spline->forward(x.view({3, 1}), theta.expand({3, 1, 14}));
    for (std::int64_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(out.points[i].item<double>(), up[k], 3e-8) << k;
      EXPECT_NEAR(out.log_derivative[i].item<double>(), std::log(slopes[k]), 1e-6) << k;
    }
  }
}

TEST(FlowSpline, IsTheIdentityOutsideTheTailsWithoutNansInAnyDerivative) {
  const auto spline = spline_transformer(kBins, kTail);
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Tensor x = at::tensor({kTail, -kTail, 3.5, -3.5, 1e4, -1e30}, type).view({-1, 1});
    for (const Direction direction : kDirections) {
      const Tensor leaf = x.clone().requires_grad_();
      const Tensor theta = some_theta(x, 6).to(type).requires_grad_();
      const Transformed out = apply(*spline, leaf, theta, direction);
      EXPECT_LE((out.points - x).abs().slice(0, 0, 2).max().item<double>(), 1e-6);
      EXPECT_TRUE(out.points.slice(0, 2).equal(x.slice(0, 2)));
      EXPECT_EQ(out.log_derivative.slice(0, 2).abs().max().item<double>(), 0);
      const Tensor one = at::ones_like(x);
      const auto first = gradients(out, {one, one}, {leaf, theta}, true);
      EXPECT_TRUE(first[0].slice(0, 2).equal(one.slice(0, 2)));
      EXPECT_EQ(first[1].slice(0, 2).abs().max().item<double>(), 0);
      const auto second = torch::autograd::grad({first[0].sum() + first[1].sum()}, {leaf, theta});
      for (const auto& list : {first, second}) {
        for (const Tensor& tensor : list) EXPECT_TRUE(tensor.isfinite().all().item<bool>());
      }
    }
  }
}

TEST(FlowSpline, GradientsAreThoseOfCentralDifferences) {
  const auto spline = spline_transformer(kBins, kTail);
  const Tensor x = some_points(20, 3, 7), theta = some_theta(x, 8);
  const Tensor a = normal({20, 3}, 9), b = normal({20, 3}, 10);
  const Tensor dx = normal({20, 3}, 11), dtheta = some_theta(x, 12);
  for (const Direction direction : kDirections) {
    const auto value = [&](double h) {
      const auto out = apply(*spline, x + h * dx, theta + h * dtheta, direction);
      return (a * out.points + b * out.log_derivative).sum(-1);
    };
    const Tensor leaf = x.clone().requires_grad_(), theta_leaf = theta.clone().requires_grad_();
    const auto found =
        gradients(apply(*spline, leaf, theta_leaf, direction), {a, b}, {leaf, theta_leaf});
    expect_close((found[0] * dx).sum(-1) + (found[1] * dtheta).sum({-2, -1}), along(value, 1e-4),
                 1e-6, "directional derivative");
  }
}

TEST(FlowSpline, FusedGradientsSlopeAndPullBackAreThoseOfTheComposedChain) {
  const auto spline = spline_transformer(kBins, kTail);
  for (const auto type : {at::kFloat, at::kDouble}) {
    const double relative = 10 * tolerance(type);
    const Tensor x = some_points(100, 3, 7).to(type), theta = some_theta(x, 8).to(type);
    const Tensor a = normal({100, 3}, 9).to(type), b = at::full_like(a, -0.7);
    for (const Direction direction : kDirections) {
      const Tensor leaf = x.clone().requires_grad_(), theta_leaf = theta.clone().requires_grad_();
      const Transformed composed =
          spline::composed_map({kBins, kTail}, leaf, theta_leaf, direction);
      const Tensor slope =
          torch::autograd::grad({composed.log_derivative.sum()}, {leaf}, {}, true)[0];
      const auto expected = gradients(composed, {a, b}, {leaf, theta_leaf});
      const Transformed fused = apply(*spline, leaf, theta_leaf, direction);
      expect_close(fused.points, composed.points, relative, "points");
      expect_close(fused.log_derivative, composed.log_derivative, relative, "log-derivative");
      const auto found = gradients(fused, {a, b}, {leaf, theta_leaf});
      expect_close(found[0], expected[0], relative, "gradient in x");
      expect_close(found[1], expected[1], relative, "gradient in theta");
      const Tensor pulled = spline->pull_back(leaf, theta_leaf, a, -0.7, direction);
      expect_close(pulled, expected[1], relative, "pull_back");
      const Tensor found_slope = spline->slope(leaf, theta_leaf, direction);
      expect_close(found_slope, slope, relative, "slope");
      EXPECT_FALSE(pulled.requires_grad() || found_slope.requires_grad());
    }
  }
}

TEST(FlowSpline, CarriesForcesInOnePassAsSlopeAndPullBackDo) {
  const auto spline = spline_transformer(kBins, kTail);
  for (const auto type : {at::kFloat, at::kDouble}) {
    const double relative = 10 * tolerance(type);
    const Tensor x = some_points(100, 3, 7).to(type).requires_grad_();
    const Tensor theta = some_theta(x, 8).to(type).requires_grad_();
    const Tensor force = normal({100, 3}, 9).to(type), a = normal({100, 3}, 10).to(type);
    for (const Direction direction : kDirections) {
      const auto found = spline->carry(x, theta, force, direction);
      const auto expected = spline->Transformer::carry(x, theta, force, direction);
      expect_close(found.mapped.points, expected.mapped.points, 0.0, "points");
      expect_close(found.mapped.log_derivative, expected.mapped.log_derivative, 0.0, "logarithms");
      expect_close(found.force, expected.force, relative, "force");
      expect_close(found.theta, expected.theta, relative, "cotangent of theta");
      EXPECT_FALSE(found.force.requires_grad() || found.theta.requires_grad());
      const auto gradient = gradients(found.mapped, {a, a}, {x, theta});
      const auto usual = gradients(expected.mapped, {a, a}, {x, theta});
      for (std::size_t k = 0; k < 2; ++k) expect_close(gradient[k], usual[k], 0.0, "gradients");
      const at::NoGradGuard no_grad;
      const auto plain = spline->carry(x, theta, force, direction);
      expect_close(plain.theta, found.theta, 0.0, "without a graph");
    }
  }
}

TEST(FlowSpline, SecondDerivativesAreThoseOfCentralDifferences) {
  const auto spline = spline_transformer(kBins, kTail);
  const Tensor x = some_points(20, 3, 7), theta = some_theta(x, 8);
  const Tensor a = normal({20, 3}, 9), b = normal({20, 3}, 10);
  const Tensor dx = normal({20, 3}, 11), dtheta = some_theta(x, 12);
  const Tensor into_x = normal({20, 3}, 13), into_theta = some_theta(x, 14);
  for (const Direction direction : kDirections) {
    const auto first = [&](const Tensor& at, const Tensor& numbers, bool graph) {
      const auto found =
          gradients(apply(*spline, at, numbers, direction), {a, b}, {at, numbers}, graph);
      return (found[0] * into_x).sum(-1) + (found[1] * into_theta).sum({-2, -1});
    };
    const Tensor leaf = x.clone().requires_grad_(), theta_leaf = theta.clone().requires_grad_();
    const auto second =
        torch::autograd::grad({first(leaf, theta_leaf, true).sum()}, {leaf, theta_leaf});
    const auto moved = [&](double h) {
      return first((x + h * dx).requires_grad_(), (theta + h * dtheta).requires_grad_(), false);
    };
    expect_close((second[0] * dx).sum(-1) + (second[1] * dtheta).sum({-2, -1}), along(moved, 1e-4),
                 1e-5, "second derivative");
  }
}

TEST(FlowSpline, SecondDerivativesAreRightWhereThetaDependsOnThePoints) {
  const auto spline = spline_transformer(kBins, kTail);
  const Tensor x = some_points(20, 1, 7), weights = normal({14}, 8), dx = normal({20, 1}, 9);
  const auto first = [&](const Tensor& at, bool graph) {
    const Tensor theta = at::sin(at.unsqueeze(-1) * weights);
    const auto out = spline->forward(at, theta);
    return torch::autograd::grad({(out.points + out.log_derivative).sum()}, {at}, {}, graph,
                                 graph)[0];
  };
  const Tensor leaf = x.clone().requires_grad_();
  const Tensor with_graph = first(leaf, true);
  expect_close(with_graph.detach(), first(leaf, false), kTight, "gradient");
  expect_close(torch::autograd::grad({with_graph.sum()}, {leaf})[0] * dx,
               along([&](double h) { return first((x + h * dx).requires_grad_(), false); }, 1e-4),
               1e-5, "second derivative");
}

TEST(FlowSpline, StaysFiniteAtExtremeParameters) {
  const auto spline = spline_transformer(8, 5.0);
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Tensor x = at::linspace(-5, 5, 501, at::kDouble).to(type).view({-1, 1});
    for (const double size : {50.0, 1e3, 1e30}) {
      const Tensor theta = (size * some_theta(x, 3, 8).sign()).to(type).requires_grad_();
      const Tensor leaf = x.clone().requires_grad_();
      for (const Direction direction : kDirections) {
        const Transformed out = apply(*spline, leaf, theta, direction);
        const Tensor one = at::ones_like(x);
        const auto first = gradients(out, {one, one}, {leaf, theta}, true);
        const auto second = torch::autograd::grad({first[0].sum() + first[1].sum()}, {leaf, theta});
        std::vector<Tensor> all{out.points, out.log_derivative};
        all.insert(all.end(), first.begin(), first.end());
        all.insert(all.end(), second.begin(), second.end());
        for (const Tensor& tensor : all)
          EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << type << " " << size;
        EXPECT_LE(out.log_derivative.abs().max().item<double>(), 21) << "above log(1000³)";
      }
    }
  }
}

TEST(FlowSpline, CanBeTraced) {
  for (const LayerCase& of : spline_cases()) {
    const auto layer = of.make(at::kDouble, Seed(15));
    if (layer->context_dim() > 0) continue;
    SCOPED_TRACE(of.name);
    expect_same_when_traced(*layer, normal({3, layer->dim()}, 16),
                            3 * normal({40, layer->dim()}, 17), 10 * kTight);
  }
}

TEST(FlowSpline, TakesViewsAndLeadingDimensions) {
  const auto spline = spline_transformer(kBins, kTail);
  const Tensor x = some_points(24, 4, 7), theta = some_theta(x, 8);
  const Tensor expected = spline->forward(x, theta).points;
  const auto strided = [](const Tensor& t) { return t.view({2, 12, 4, -1}).squeeze(-1); };
  expect_close(spline->forward(strided(x), strided(theta)).points, strided(expected), 0.0,
               "leading dimensions");
  const Tensor odd = x.slice(1, 1, 4, 2), odd_theta = theta.slice(1, 1, 4, 2);
  expect_close(spline->forward(odd, odd_theta).points, expected.slice(1, 1, 4, 2), 0.0, "views");
}

TEST(FlowSpline, RefusesWhatIsNoSplineAndShapesThatDoNotFit) {
  EXPECT_THROW(spline_transformer(1, 1.0), InvalidInput);
  EXPECT_THROW(spline_transformer(4, 0.0), InvalidInput);
  EXPECT_THROW(spline_transformer(4, -1.0), InvalidInput);
  const auto spline = spline_transformer(4, 1.0);
  EXPECT_EQ(spline->parameters_per_coordinate(), 11);
  EXPECT_THROW(spline->forward(at::zeros({3, 2}), at::zeros({3, 2, 10})), InvalidInput);
  EXPECT_THROW(spline->inverse(at::zeros({3, 2}), at::zeros({3, 1, 11})), InvalidInput);
  EXPECT_THROW(spline->pull_back(at::zeros({3, 2}), at::zeros({3, 2, 11}), at::zeros({3, 1}), 0,
                                 Direction::kForward),
               InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
