#include "ergon/flow/coupling.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "flow/layer_cases.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

constexpr double kBound = 2.0;
constexpr bool T = true, F = false;

Tensor numbers(std::vector<double> values, at::IntArrayRef shape) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble)).view(shape);
}

Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
  const Tensor like = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  return draw::normal_like(like, Seed(seed).generator());
}

/// An affine coupling at its start.
Coupling affine_coupling(const std::vector<bool>& mask, std::int64_t context_dim = 0) {
  std::int64_t moving = 0;
  for (const bool moves : mask) moving += moves ? 1 : 0;
  const auto fixed = static_cast<std::int64_t>(mask.size()) - moving;
  return {mask, affine_transformer(kBound),
          fully_connected({fixed, context_dim, 2 * moving}, {8, 2, Activation::kTanh},
                          Seed(5).generator())};
}

/// Two coordinates, the second moves; one hidden unit with relu:
///   h = relu(x_1 / 2 + 1), θ = (h ln 3 / 2, 1/2 - h).
Coupling small_coupling() {
  auto network = fully_connected({1, 0, 2}, {1, 1, Activation::kRelu}, Seed(1).generator());
  const at::NoGradGuard no_grad;
  const std::vector<Tensor> values = {numbers({0.5}, {1, 1}), numbers({1}, {1}),
                                      numbers({std::log(3.0) / 2, -1}, {1, 2}),
                                      numbers({0, 0.5}, {2})};
  NamedTensors parameters = network->parameters();
  for (std::size_t i = 0; i < values.size(); ++i) parameters[i].second.copy_(values[i]);
  return {{F, T}, affine_transformer(kBound), std::move(network)};
}

TEST(FlowCoupling, GivesTheNumbersOfAHandComputedExample) {
  const Coupling layer = small_coupling();
  // x = (2, 3): h = relu(1 + 1) = 2, θ = (ln 3, -3/2); s = 2 tanh(ln 3 / 2) = 2 · (3 - 1) / (3 + 1)
  // = 1, so y = (2, 3 e - 3/2) and log|det| = 1.
  const Tensor x = numbers({2, 3}, {1, 2}), y = numbers({2, 3 * M_E - 1.5}, {1, 2});
  const Mapped there = layer.forward(x), back = layer.inverse(y);
  expect_close(there.points, y, tolerance<double>(), "y");
  expect_close(there.log_det, numbers({1}, {1}), tolerance<double>(), "log|det|");
  expect_close(back.points, x, tolerance<double>(), "x");
  expect_close(back.log_det, numbers({-1}, {1}), tolerance<double>(), "log|det| back");
}

TEST(FlowCoupling, CarriesTheForceOfAHandComputedExample) {
  const Coupling layer = small_coupling();
  // At x = (2, 3): ds/dx_1 = (1 - tanh²) · (ln 3 / 2) / 2 = (3/4) (ln 3 / 4), dθ_2/dx_1 = -1/2 and
  // ∂y_2/∂x_1 = 3 e ds/dx_1 - 1/2. With G = (0.3, -0.7):
  //   G'_2 = G_2 / e,   G'_1 = G_1 - ds/dx_1 - G'_2 ∂y_2/∂x_1.
  const double slope = 0.75 * std::log(3.0) / 4, moved = -0.7 / M_E;
  const double fixed = 0.3 - slope - moved * (3 * M_E * slope - 0.5);
  const Tensor x = numbers({2, 3}, {1, 2}), force = numbers({0.3, -0.7}, {1, 2});
  const Carried there = layer.carry_forward(x, force, Tensor());
  expect_close(there.force, numbers({fixed, moved}, {1, 2}), tolerance<double>(), "ahead");
  const Carried back = layer.carry_inverse(there.points.detach(), there.force, Tensor());
  expect_close(back.force, force, tolerance<double>(), "and back");
}

TEST(FlowCoupling, IsTheIdentityAtItsStart) {
  for (const auto& mask : std::vector<std::vector<bool>>{{T, F}, {F, T, F, T}, {T, F, F, T, T}}) {
    const Coupling layer = affine_coupling(mask);
    const Tensor x = normal({7, layer.dim()}, 1), force = normal({7, layer.dim()}, 2);
    const Carried there = layer.carry_forward(x, force, Tensor());
    expect_same_bits(there.points, x, "points");
    expect_same_bits(there.force, force, "force");
    expect_same_bits(there.log_det, at::zeros({7}, x.options()), "log-det");
  }
}

TEST(FlowCoupling, MovesTheCoordinatesOfItsMaskAlone) {
  for (const auto& mask : std::vector<std::vector<bool>>{
           {T, F}, {F, T}, {F, F, T}, {T, F, T, F}, {F, T, F, T}, {T, F, F, T}, {T, F, F, T, T}}) {
    const Coupling layer = affine_coupling(mask);
    perturb_parameters(layer, 0.3, Seed(3));
    const Tensor x = normal({5, layer.dim()}, 4), y = layer.forward(x).points.detach();
    for (std::size_t i = 0; i < mask.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i);
      const bool same = y.select(-1, column).equal(x.select(-1, column));
      EXPECT_EQ(same, !mask[i]) << "coordinate " << i << " of " << mask.size();
    }
  }
}

TEST(FlowCoupling, GivesItsConditionerAndTransformerTheCoordinatesInTheirOrder) {
  // The shift of the j-th moving coordinate is j + 1 plus a weight on every fixed coordinate.
  const std::vector<bool> mask = {T, F, F, T, F, T};
  auto network = fully_connected({3, 0, 3}, {3, 1, Activation::kRelu}, Seed(1).generator());
  NamedTensors parameters = network->parameters();
  {
    const at::NoGradGuard no_grad;
    parameters[0].second.copy_(at::eye(3));
    parameters[1].second.zero_();
    parameters[2].second.copy_(numbers({10, 0, 0, 0, 100, 0, 0, 0, 1000}, {3, 3}));
    parameters[3].second.copy_(numbers({1, 2, 3}, {3}));
  }
  const Coupling layer(mask, additive_transformer(), std::move(network));
  const Tensor y = layer.forward(numbers({0, 0.1, 0.2, 0, 0.3, 0}, {1, 6})).points;
  expect_close(y, numbers({1 + 1, 0.1, 0.2, 2 + 20, 0.3, 3 + 300}, {1, 6}), tolerance<double>(),
               "y");
}

TEST(FlowCoupling, KeepsItsLogScalesWithinTheirBound) {
  const Coupling layer = affine_coupling({T, F, T, F});
  perturb_parameters(layer, 1e3, Seed(6));
  const Mapped there = layer.forward(normal({100, 4}, 7) * 1e3);
  EXPECT_TRUE(at::isfinite(there.points).all().item<bool>());
  EXPECT_LE(there.log_det.abs().max().item<double>(), 2 * kBound);
  EXPECT_GT(there.log_det.abs().max().item<double>(), kBound);
}

TEST(FlowCoupling, LetsTheCarriedPointsReachItsParameters) {
  const Coupling layer = affine_coupling({F, T, T}, 2);
  perturb_parameters(layer, 0.3, Seed(8));
  std::vector<Tensor> parameters;
  for (auto& [name, tensor] : layer.parameters()) parameters.push_back(tensor);
  const Tensor x = normal({9, 3}, 9), g = normal({9, 3}, 10), context = normal({9, 2}, 11);
  const Tensor plain = (layer.forward(x, context).points * g).sum();
  const Tensor carried = (layer.carry_forward(x, normal({9, 3}, 12), context).points * g).sum();
  const auto expected = torch::autograd::grad({plain}, parameters);
  const auto actual = torch::autograd::grad({carried}, parameters);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expect_close(actual[i], expected[i], tolerance<double>(), layer.parameters()[i].first);
  }
}

TEST(FlowCoupling, TakesNoPointsAtAll) {
  const Coupling layer = affine_coupling({T, F, T, F});
  const Tensor none = at::empty({0, 4}, at::TensorOptions().dtype(at::kDouble));
  const Carried there = layer.carry_forward(none, none, Tensor());
  EXPECT_EQ(there.points.sizes(), none.sizes());
  EXPECT_EQ(there.force.sizes(), none.sizes());
  EXPECT_EQ(there.log_det.numel(), 0);
}

TEST(FlowCoupling, RefusesMasksAndSizesThatDoNotFit) {
  const auto with_mask = [](const std::vector<bool>& mask) {
    return Coupling(mask, additive_transformer(),
                    fully_connected({1, 0, 1}, {}, Seed(1).generator()));
  };
  EXPECT_NO_THROW(with_mask({T, F}));
  EXPECT_THROW(with_mask({}), InvalidInput);
  EXPECT_THROW(with_mask({T, T}), InvalidInput);
  EXPECT_THROW(with_mask({F, F}), InvalidInput);
  EXPECT_THROW(with_mask({T, F, F}), InvalidInput);  // two inputs
  EXPECT_THROW(with_mask({T, T, F}), InvalidInput);  // two outputs
  EXPECT_THROW(Coupling({T, F}, nullptr, fully_connected({1, 0, 1}, {}, Seed(1).generator())),
               InvalidInput);
  EXPECT_THROW(Coupling({T, F}, additive_transformer(), nullptr), InvalidInput);
}

TEST(FlowCoupling, RefusesPointsAndContextsOfOtherSizes) {
  const Coupling layer = affine_coupling({T, F, T}, 2);
  const Tensor x = normal({5, 3}, 1);
  EXPECT_NO_THROW(layer.forward(x, normal({5, 2}, 2)));
  EXPECT_THROW(layer.forward(normal({5, 4}, 1), normal({5, 2}, 2)), InvalidInput);
  EXPECT_THROW(layer.forward(x, normal({5, 3}, 2)), InvalidInput);
  EXPECT_THROW(layer.forward(x, normal({4, 2}, 2)), InvalidInput);
  EXPECT_THROW(layer.forward(x, normal({2}, 2)), InvalidInput);
  EXPECT_THROW(layer.carry_inverse(x, x, Tensor()), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
