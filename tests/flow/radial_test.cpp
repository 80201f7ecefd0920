#include "ergon/flow/radial.hpp"

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

/// A radial layer with these numbers.
Radial radial(const std::vector<double>& center, double radius, double strength) {
  Radial layer(static_cast<std::int64_t>(center.size()), 0, kNetwork, Seed(1).generator());
  const at::NoGradGuard no_grad;
  const auto parameters = layer.parameters();
  for (const auto& [name, values] : NamedTensors{{"center", vector(center)},
                                                 {"radius", vector({radius})},
                                                 {"strength", vector({strength})}}) {
    Tensor into = find_tensor(parameters, name, "radial layer");
    into.copy_(values);
  }
  return layer;
}

TEST(FlowRadial, FollowsItsFormula) {
  const Radial layer = radial({1, -1, 2}, 0.7, -0.8);
  const double e1 = std::exp(1.0) - 1;
  const double alpha = 0.001 + 0.999 * std::log1p(e1 * std::exp(0.7));
  const double beta = alpha * 0.99 * (std::log1p(e1 * std::exp(-0.8)) - 1);
  // x - z₀ = (2, 3, -6), of length 7.
  const double h = 1 / (alpha + 7), slope = -h * h;
  const Mapped out = layer.forward(vector({3, 2, -4}), {});
  expect_close(out.points, vector({3 + 2 * beta * h, 2 + 3 * beta * h, -4 - 6 * beta * h}), kTight,
               "y");
  // Eq. 14's determinant: (1 + β h)^(D-1) (1 + β h + β h' r).
  EXPECT_NEAR(out.log_det.item<double>(),
              2 * std::log(1 + beta * h) + std::log(1 + beta * h + beta * slope * 7), kTight);
}

TEST(FlowRadial, IsInvertedForEveryStrengthRadiusAndDistance) {
  std::vector<double> numbers;
  for (double size = 1e-8; size < 1e7; size *= 1.9) {
    numbers.push_back(size);
    numbers.push_back(-size);
  }
  const Tensor y = vector(numbers).view({-1, 1}) * vector({0.6, -0.8});
  for (const double strength : {-1e4, -5.0, 0.0, 5.0, 1e4}) {
    for (const double radius : {-100.0, 0.0, 100.0}) {
      const Radial layer = radial({0, 0}, radius, strength);
      for (const auto type : {at::kDouble, at::kFloat}) {
        set_parameter_type(layer, type);
        const Tensor given = y.to(type);
        const Mapped back = layer.inverse(given, {});
        const Mapped there = layer.forward(back.points, {});
        EXPECT_LE(((there.points - given) / given).abs().max().item<double>(),
                  100 * tolerance(type))
            << strength << " " << radius;
        expect_close(there.log_det, -back.log_det, 100 * tolerance(type), "log-determinant");
        EXPECT_GE(there.log_det.min().item<double>(), 2 * std::log(0.0099));
      }
    }
  }
}

TEST(FlowRadial, HasFiniteDerivativesAtAndAroundItsCenter) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    const Radial layer = radial({0.5, -0.25}, 0.2, 1.5);
    set_parameter_type(layer, type);
    const Tensor center = at::tensor({0.5, -0.25}, type);
    for (const double away : {0.0, 1e-30, 1e-20, 1e-11, 1e-7}) {
      // Exactly representable centers leave differences as small as these only at zero.
      const Radial origin = radial({0, 0}, 0.2, 1.5);
      set_parameter_type(origin, type);
      const FlowLayer* const both[] = {&layer, &origin};
      for (int which = 0; which < 2; ++which) {
        const Tensor x = ((which == 0 ? center : at::zeros({2}, type)) + away)
                             .view({1, 2})
                             .detach()
                             .requires_grad_();
        for (const Mapped& out : {both[which]->forward(x, {}), both[which]->inverse(x, {})}) {
          const Tensor first =
              torch::autograd::grad({out.points.sum() + out.log_det.sum()}, {x}, {}, true, true)[0];
          const Tensor second = torch::autograd::grad({first.sum()}, {x}, {}, true)[0];
          for (const Tensor& tensor : {out.points, out.log_det, first, second})
            EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << type << " " << away;
        }
        const Tensor force = at::ones_like(x);
        EXPECT_TRUE(both[which]->carry_forward(x, force, {}).force.isfinite().all().item<bool>());
        EXPECT_TRUE(both[which]->carry_inverse(x, force, {}).force.isfinite().all().item<bool>());
      }
    }
  }
}

TEST(FlowRadial, LeavesItsCenterAndScalesTheForceThere) {
  const Radial layer = radial({1, 2}, 0.0, 2.0);
  const Tensor center = vector({1, 2}).view({1, 2}), force = vector({3, -1}).view({1, 2});
  const double scale = 1 + 0.99 * (std::log1p((std::exp(1.0) - 1) * std::exp(2.0)) - 1);
  const Carried there = layer.carry_forward(center, force, {});
  expect_close(there.points, center.clone(), kTight, "the center");
  EXPECT_NEAR(there.log_det.item<double>(), 2 * std::log(scale), kTight);
  expect_close(there.force, force / scale, kTight, "force ahead");
  expect_close(layer.carry_inverse(center, force, {}).force, force * scale, kTight, "force back");
}

TEST(FlowRadial, StartsNearTheIdentityWithLiveParametersWhateverTheContext) {
  const Radial layer(3, 2, kNetwork, Seed(3).generator());
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

TEST(FlowRadial, CanBeTracedInBothDirections) {
  expect_same_when_traced(radial({1, -1}, 0.5, -3), normal({3, 2}, 6), 5 * normal({50, 2}, 7),
                          10 * kTight);
}

TEST(FlowRadial, RefusesSizesThatDoNotFit) {
  EXPECT_THROW(Radial(0, 0, kNetwork, Seed(1).generator()), InvalidInput);
  EXPECT_THROW(Radial(2, -1, kNetwork, Seed(1).generator()), InvalidInput);
  EXPECT_THROW(radial({1, 2}, 0, 0).forward(normal({4, 3}, 1), {}), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
