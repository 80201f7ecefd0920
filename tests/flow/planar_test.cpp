#include "ergon/flow/planar.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"
#include "flow/layer_cases.hpp"
#include "flow/traced.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();
const NetworkOptions kNetwork = {8, 1, Activation::kTanh};

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

Tensor vector(const std::vector<double>& numbers) { return at::tensor(numbers, at::kDouble); }

/// A planar layer with these numbers.
Planar planar(const std::vector<double>& direction,
              const std::vector<double>& displacement,
              double offset) {
  Planar layer(static_cast<std::int64_t>(direction.size()), 0, kNetwork, Seed(1).generator());
  const at::NoGradGuard no_grad;
  const auto parameters = layer.parameters();
  for (const auto& [name, values] : NamedTensors{{"direction", vector(direction)},
                                                 {"displacement", vector(displacement)},
                                                 {"offset", vector({offset})}}) {
    Tensor into = find_tensor(parameters, name, "planar layer");
    into.copy_(values);
  }
  return layer;
}

TEST(FlowPlanar, FollowsItsFormula) {
  // w = (1, 2), u = (0.5, -1): wᵀu = -1.5, |w|² = 5, m = 0.99 (softplus(-1.5 + log(e-1)) - 1).
  const Planar layer = planar({1, 2}, {0.5, -1}, 0.3);
  const double strength = 0.99 * (std::log1p((std::exp(1.0) - 1) * std::exp(-1.5)) - 1);
  const double u0 = 0.5 + (strength + 1.5) / 5, u1 = -1 + 2 * (strength + 1.5) / 5;
  // x = (0.7, -0.4): wᵀx + b = 0.2.
  const double t = std::tanh(0.2);
  const Mapped out = layer.forward(vector({0.7, -0.4}), {});
  expect_close(out.points, vector({0.7 + u0 * t, -0.4 + u1 * t}), kTight, "y");
  EXPECT_NEAR(out.log_det.item<double>(), std::log(1 + strength * (1 - t * t)), kTight);
}

TEST(FlowPlanar, IsInvertedForEveryStrengthAndArgument) {
  std::vector<double> numbers;
  for (double size = 1e-8; size < 1e7; size *= 1.9) {
    numbers.push_back(size);
    numbers.push_back(-size);
  }
  const Tensor y = vector(numbers).view({-1, 1});
  for (const double raw : {-1e4, -50.0, -3.0, -0.5, 0.0, 0.5, 3.0, 50.0, 1e4, 1e6}) {
    const Planar layer = planar({1}, {raw}, 0.0);
    const Mapped back = layer.inverse(y, {});
    const Mapped there = layer.forward(back.points, {});
    EXPECT_LE(((there.points - y) / y).abs().max().item<double>(), 100 * kTight) << raw;
    expect_close(there.log_det, -back.log_det, 100 * kTight, "log-determinant");
    if (std::abs(raw) > 50) continue;  // û tanh loses as many digits as it is longer than x
    set_parameter_type(layer, at::kFloat);
    const Tensor single = y.to(at::kFloat);
    const Tensor again = layer.forward(layer.inverse(single, {}).points, {}).points;
    EXPECT_LE(((again - single) / single).abs().max().item<double>(), 100 * tolerance<float>())
        << raw;
  }
}

TEST(FlowPlanar, NeverFoldsHoweverStrongItPulls) {
  for (const double raw : {-1e6, -1e4, -50.0}) {
    const Planar layer = planar({1, 0}, {raw, 3}, 0.0);
    for (const auto type : {at::kDouble, at::kFloat}) {
      set_parameter_type(layer, type);
      const Tensor x = at::linspace(-0.1, 0.1, 41, type).view({-1, 1}).expand({41, 2});
      const Mapped out = layer.forward(x, {});
      EXPECT_GE(out.log_det.min().item<double>(), std::log(0.0099)) << raw;
      EXPECT_TRUE(out.points.isfinite().all().item<bool>());
    }
  }
}

TEST(FlowPlanar, IsFiniteWithoutADirection) {
  const Planar layer = planar({0, 0}, {1, -1}, 0.4);
  const Tensor x = normal({5, 2}, 2);
  const Mapped out = layer.forward(x, {});
  expect_close(out.points, x + std::tanh(0.4) * vector({1, -1}), kTight, "a shift");
  EXPECT_EQ(out.log_det.abs().max().item<double>(), 0);
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : layer.parameters()) tensors.push_back(tensor);
  for (const Tensor& slope : torch::autograd::grad({out.points.sum() + out.log_det.sum()}, tensors))
    EXPECT_TRUE(slope.isfinite().all().item<bool>());
}

TEST(FlowPlanar, StartsNearTheIdentityWithLiveParametersWhateverTheContext) {
  const Planar layer(3, 2, kNetwork, Seed(3).generator());
  const Tensor x = normal({50, 3}, 4), context = normal({50, 2}, 5);
  const Mapped out = layer.forward(x, context);
  EXPECT_LE((out.points - x).abs().max().item<double>(), 0.5);
  EXPECT_LE(out.log_det.abs().max().item<double>(), 0.5);
  expect_close(layer.forward(x, -context).points, out.points, 0.0, "another context");
  for (const auto& [name, tensor] : layer.parameters()) {
    // Behind the last layer, which starts at zero, nothing moves yet.
    if (name.rfind("network.", 0) == 0) continue;
    const Tensor slope = torch::autograd::grad({out.points.sum() + out.log_det.sum()}, {tensor}, {},
                                               /*retain_graph=*/true)[0];
    EXPECT_GT(slope.abs().min().item<double>(), 1e-3) << name;
  }
}

TEST(FlowPlanar, CanBeTracedInBothDirections) {
  const Planar layer = planar({1.5, -2}, {40, -30}, 0.3);
  const Tensor few = normal({3, 2}, 6), many = 5 * normal({50, 2}, 7);
  expect_same_when_traced(layer, few, many, 10 * kTight);
}

TEST(FlowPlanar, RefusesSizesThatDoNotFit) {
  EXPECT_THROW(Planar(0, 0, kNetwork, Seed(1).generator()), InvalidInput);
  EXPECT_THROW(Planar(2, -1, kNetwork, Seed(1).generator()), InvalidInput);
  EXPECT_THROW(planar({1, 2}, {1, 2}, 0).forward(normal({4, 3}, 1), {}), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
