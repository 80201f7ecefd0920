#include "ergon/flow/autoregressive.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "flow/carry_oracle.hpp"
#include "flow/layer_cases.hpp"
#include "flow/traced.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

constexpr std::int64_t kRows = 3;
constexpr double kBound = 2.0;

Tensor normal(at::IntArrayRef shape, Seed seed) {
  return draw::normal_like(at::empty(shape, at::TensorOptions().dtype(at::kDouble)),
                           seed.generator());
}

struct Sizes {
  std::int64_t dim = 5;
  std::int64_t context = 0;
  NetworkOptions network = {9, 2, Activation::kTanh};
};

/// An affine layer with its parts in sight, inputs for it, and what its inverse is by D passes.
struct Affine {
  std::unique_ptr<Transformer> transformer = affine_transformer(kBound);
  const MaskedNetwork* network = nullptr;
  std::unique_ptr<Autoregressive> layer;
  Tensor y, context, force;

  explicit Affine(const Sizes& of, Seed seed = Seed(31)) {
    auto own = std::make_unique<MaskedNetwork>(of.dim, 2, of.context, of.network,
                                               seed.child("network").generator());
    network = own.get();
    layer = std::make_unique<Autoregressive>(affine_transformer(kBound), std::move(own));
    perturb_parameters(*layer, 0.3, seed.child("parameters"));
    y = normal({kRows, of.dim}, seed.child("y")).requires_grad_(true);
    force = normal({kRows, of.dim}, seed.child("force"));
    if (of.context > 0) {
      context = normal({kRows, of.context}, seed.child("context")).requires_grad_(true);
    }
  }

  Mapped by_passes() const {
    std::vector<Tensor> columns, slopes;
    for (std::int64_t i = 0; i < y.size(1); ++i) columns.push_back(at::zeros({kRows}, at::kDouble));
    for (std::int64_t i = 0; i < y.size(1); ++i) {
      const Tensor theta = network->evaluate(at::stack(columns, -1), context).output;
      const Transformed back =
          transformer->inverse(y.select(1, i), theta.view({kRows, -1, 2}).select(1, i));
      columns[static_cast<std::size_t>(i)] = back.points;
      slopes.push_back(back.log_derivative);
    }
    return {at::stack(columns, -1), at::stack(slopes, -1).sum(-1)};
  }

  /// Points, context and parameters.
  std::vector<Tensor> variables() const {
    std::vector<Tensor> all = {y};
    if (context.defined()) all.push_back(context);
    for (const auto& [name, tensor] : layer->parameters()) all.push_back(tensor);
    return all;
  }
};

Tensor weighted_sum(const Mapped& mapped) {
  const Tensor w = normal(mapped.points.sizes(), Seed(41));
  const Tensor v = normal(mapped.log_det.sizes(), Seed(42));
  return (w * mapped.points.square()).sum() + (v * mapped.log_det).sum();
}

std::vector<Tensor> gradients(const Tensor& value,
                              const std::vector<Tensor>& variables,
                              bool create_graph = false) {
  auto all = torch::autograd::grad({value}, variables, {}, true, create_graph, true);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].defined()) all[i] = at::zeros_like(variables[i]);
  }
  return all;
}

/// Second derivatives along a fixed direction.
std::vector<Tensor> second_gradients(const Tensor& value, const std::vector<Tensor>& variables) {
  const auto first = gradients(value, variables, true);
  Tensor along = at::zeros({}, at::kDouble);
  for (std::size_t i = 0; i < first.size(); ++i) {
    along = along + (first[i] * normal(first[i].sizes(), Seed(43).child("direction", i))).sum();
  }
  return gradients(along, variables);
}

void expect_all_close(const std::vector<Tensor>& actual,
                      const std::vector<Tensor>& expected,
                      double relative) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    expect_close(actual[i], expected[i], relative, "variable " + std::to_string(i));
  }
}

/// Few units, as many as degrees, many; more coordinates than one block of a sweep; a context.
std::vector<Sizes> sizes() {
  return {{5, 0, {3, 1, Activation::kTanh}},  {5, 0, {4, 3, Activation::kSilu}},
          {4, 2, {13, 2, Activation::kTanh}}, {1, 2, {3, 1, Activation::kTanh}},
          {1, 0, {3, 1, Activation::kTanh}},  {34, 0, {40, 2, Activation::kTanh}}};
}

TEST(FlowAutoregressive, InvertsInOneSweepAsInPasses) {
  for (const Sizes& of : sizes()) {
    const Affine affine(of);
    const Mapped expected = affine.by_passes();
    const at::NoGradGuard no_grad;
    const Mapped found = affine.layer->inverse(affine.y, affine.context);
    EXPECT_FALSE(found.points.requires_grad());
    expect_close(found.points, expected.points, tolerance<double>(), "points");
    expect_close(found.log_det, expected.log_det, tolerance<double>(), "log-det");
  }
}

TEST(FlowAutoregressive, DifferentiatesItsInverseAsThroughPasses) {
  for (const Sizes& of : sizes()) {
    const Affine affine(of);
    const Mapped found = affine.layer->inverse(affine.y, affine.context);
    const Mapped expected = affine.by_passes();
    expect_close(found.points, expected.points, tolerance<double>(), "points");
    const Tensor value = weighted_sum(found), by_passes = weighted_sum(expected);
    const auto variables = affine.variables();
    expect_all_close(gradients(value, variables), gradients(by_passes, variables),
                     10 * tolerance<double>());
    expect_all_close(second_gradients(value, variables), second_gradients(by_passes, variables),
                     100 * tolerance<double>());
  }
}

TEST(FlowAutoregressive, RefusesThirdDerivativesOfItsInverse) {
  const Affine affine({});
  const Tensor value = weighted_sum(affine.layer->inverse(affine.y, {}));
  const Tensor first = gradients(value, {affine.y}, true)[0].square().sum();
  const Tensor second = gradients(first, {affine.y}, true)[0].square().sum();
  EXPECT_THROW(gradients(second, {affine.y}), InvalidInput);
}

TEST(FlowAutoregressive, DifferentiatesItsInverseWhenItIsGone) {
  const Affine kept({4, 2});
  Affine gone({4, 2});
  const auto variables = gone.variables();
  const Tensor value = weighted_sum(gone.layer->inverse(gone.y, gone.context));
  gone.layer.reset();
  expect_all_close(gradients(value, variables),
                   gradients(weighted_sum(kept.by_passes()), kept.variables()),
                   10 * tolerance<double>());
}

TEST(FlowAutoregressive, CarriesForcesByTheDefinition) {
  for (const Sizes& of : sizes()) {
    const Affine affine(of);
    const Tensor context = affine.context.defined() ? affine.context.detach() : affine.context;
    const Tensor points = affine.y.detach();
    expect_close(affine.layer->carry_forward(points, affine.force, context).force,
                 brute_force_carry_forward(*affine.layer, points, affine.force, context),
                 tolerance<double>(), "ahead");
    expect_close(affine.layer->carry_inverse(points, affine.force, context).force,
                 brute_force_carry_inverse(*affine.layer, points, affine.force, context),
                 tolerance<double>(), "back");
  }
}

TEST(FlowAutoregressive, CarriesPointsBackWithTheirFirstDerivatives) {
  for (const Sizes& of : sizes()) {
    const Affine affine(of);
    const Carried carried = affine.layer->carry_inverse(affine.y, affine.force, affine.context);
    const Mapped expected = affine.by_passes();
    expect_close(carried.points, expected.points, tolerance<double>(), "points");
    expect_close(carried.log_det, expected.log_det, tolerance<double>(), "log-det");
    EXPECT_FALSE(carried.force.requires_grad());
    const auto value = [&](const Tensor& x) { return (x.square() * affine.force).sum(); };
    const auto variables = affine.variables();
    expect_all_close(gradients(value(carried.points), variables),
                     gradients(value(expected.points), variables), 10 * tolerance<double>());
    const Tensor first = gradients(value(carried.points), {affine.y}, true)[0].square().sum();
    EXPECT_THROW(gradients(first, {affine.y}), InvalidInput);
  }
}

TEST(FlowAutoregressive, HasTheValuesOfAComputationByHand) {
  // Two coordinates, one relu unit h = max(0, 0.5 x1 + 1); θ_1 = (0.4, -1), θ_2 = (0.2 h, 2 h + 1).
  const Affine affine({2, 0, {1, 1, Activation::kRelu}});
  const auto fill = [&](std::size_t which, at::ArrayRef<double> values) {
    const at::NoGradGuard no_grad;
    const Tensor tensor = affine.layer->parameters()[which].second;
    Tensor(tensor).copy_(at::tensor(values, at::kDouble).view(tensor.sizes()));
  };
  fill(0, {0.5, 7});  // 7 is masked, as in the last layer
  fill(1, {1});
  fill(2, {7, 7, 0.2, 2});
  fill(3, {0.4, -1, 0, 1});
  // At x = (2, 3): h = 2, s_1 = 2 tanh(0.2) = 0.39475064, s_2 = 2 tanh(0.2) too, b_2 = 5.
  // y = (2 e^s - 1, 3 e^s + 5) with e^s = 1.48401409: (1.96802818, 9.45204227).
  const Tensor x = at::tensor(at::ArrayRef<double>{2, 3}, at::kDouble).view({1, 2});
  const double s = 2 * std::tanh(0.2), scale = std::exp(s);
  EXPECT_NEAR(scale, 1.48401409, 1e-8);
  const Mapped there = affine.layer->forward(x, {});
  const auto row = [](double first, double second) {
    return at::tensor(at::ArrayRef<double>{first, second}, at::kDouble).view({1, 2});
  };
  const Tensor y = row(2 * scale - 1, 3 * scale + 5);
  expect_close(there.points, y, tolerance<double>(), "y");
  EXPECT_NEAR(there.log_det.item<double>(), 2 * s, tolerance<double>());
  const Mapped back = affine.layer->inverse(y, {});
  expect_close(back.points, x, tolerance<double>(), "x");
  EXPECT_NEAR(back.log_det.item<double>(), -2 * s, tolerance<double>());
  // J = (e^s, 0; c, e^s), c = 0.5 (0.2 (1 - tanh²0.2) 3 e^s + 2) = 1.42786; ∇log|det J| = (g, 0),
  // g = 0.5 · 0.2 (1 - tanh²0.2). G = (1, 2): G'_2 = 2 / e^s, G'_1 = (1 - g - c G'_2) / e^s.
  const double slope = 1 - std::tanh(0.2) * std::tanh(0.2);
  const double g = 0.1 * slope, c = 0.5 * (0.2 * slope * 3 * scale + 2);
  EXPECT_NEAR(c, 1.42786, 1e-5);
  const double last = 2 / scale;
  expect_close(affine.layer->carry_forward(x, row(1, 2), {}).force,
               row((1 - g - c * last) / scale, last), tolerance<double>(), "force ahead");
  // Jᵀ G + ∇log|det J| = (e^s + 2 c + g, 2 e^s).
  expect_close(affine.layer->carry_inverse(y, row(1, 2), {}).force,
               row(scale + 2 * c + g, 2 * scale), tolerance<double>(), "force back");
}

TEST(FlowAutoregressive, InvertsManyCoordinatesInFloat32) {
  Affine affine({200, 0, {64, 2, Activation::kTanh}});
  set_parameter_type(*affine.layer, at::kFloat);
  const Tensor x = normal({20, 200}, Seed(9)).to(at::kFloat);
  const at::NoGradGuard no_grad;
  const Mapped there = affine.layer->forward(x, {});
  const Mapped back = affine.layer->inverse(there.points, {});
  EXPECT_EQ(back.points.scalar_type(), at::kFloat);
  expect_close(back.points, x, 100 * tolerance<float>(), "points");
  expect_close(-back.log_det, there.log_det, 100 * tolerance<float>(), "log-det");
}

TEST(FlowAutoregressive, IsTracedForAnyNumberOfPoints) {
  const Affine affine({5});
  expect_same_when_traced(*affine.layer, normal({3, 5}, Seed(10)), normal({8, 5}, Seed(11)),
                          tolerance<double>());
}

TEST(FlowAutoregressive, RefusesPartsThatDoNotFit) {
  const auto network = [](std::int64_t numbers) {
    return std::make_unique<MaskedNetwork>(3, numbers, 0, NetworkOptions(), Seed(1).generator());
  };
  EXPECT_THROW(Autoregressive(affine_transformer(kBound), network(1)), InvalidInput);
  EXPECT_THROW(Autoregressive(nullptr, network(2)), InvalidInput);
  EXPECT_THROW(Autoregressive(affine_transformer(kBound), nullptr), InvalidInput);
  const Autoregressive layer(affine_transformer(kBound), network(2));
  EXPECT_THROW(layer.inverse(at::zeros({1, 2}, at::kDouble), {}), InvalidInput);
  EXPECT_THROW(layer.forward(at::zeros({1, 4}, at::kDouble), {}), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
