#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/flow/conditioner.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
  const Tensor like = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  return draw::normal_like(like, Seed(seed).generator());
}

/// Every parameter standard normal times 0.5, so that the last layer is not zero.
void randomise(const Conditioner& network) {
  const at::NoGradGuard no_grad;
  std::uint64_t seed = 100;
  for (auto& [name, tensor] : network.parameters()) {
    Tensor values = tensor;
    values.copy_(0.5 * normal(tensor.sizes(), seed++));
  }
}

TEST(FlowFullyConnected, GivesTheNumbersOfAHandComputedExample) {
  const auto network = fully_connected({1, 1, 1}, {2, 1, Activation::kTanh}, Seed(1).generator());
  const double a = std::log(3.0) / 2;  // tanh a = (3 - 1) / (3 + 1) = 1/2
  NamedTensors parameters = network->parameters();
  {
    const at::NoGradGuard no_grad;
    // Rows: input, context. Unit 1 sees a · input, unit 2 sees 2 a · context - a.
    parameters[0].second.copy_(at::tensor({a, 0.0, 0.0, 2 * a}, at::kDouble).view({2, 2}));
    parameters[1].second.copy_(at::tensor({0.0, -a}, at::kDouble));
    parameters[2].second.copy_(at::tensor({4.0, 6.0}, at::kDouble).view({2, 1}));
    parameters[3].second.fill_(10);
  }
  const Tensor one = at::ones({1, 1}, at::kDouble);
  const Conditioned at = network->evaluate(one, one);
  // Hidden: tanh a = 1/2 both, so 4/2 + 6/2 + 10 = 15; the slope at the input is 4 (1 - 1/4) a.
  expect_close(at.output, at::full({1, 1}, 15.0, at::kDouble), tolerance<double>(), "output");
  expect_close(network->pull_back(at, one), at::full({1, 1}, 3 * a, at::kDouble),
               tolerance<double>(), "pull-back");
}

TEST(FlowFullyConnected, PullsBackAsAutogradDoes) {
  for (const Activation activation : {Activation::kTanh, Activation::kRelu, Activation::kSilu}) {
    for (const std::int64_t context_dim : {0, 3}) {
      for (const std::int64_t hidden_layers : {1, 3}) {
        const auto network = fully_connected({2, context_dim, 5}, {7, hidden_layers, activation},
                                             Seed(2).generator());
        randomise(*network);
        const Tensor x = normal({2, 4, 2}, 3).requires_grad_(true);
        const Tensor context = context_dim > 0 ? normal({2, 4, context_dim}, 4) : Tensor();
        const Tensor cotangent = normal({2, 4, 5}, 5);
        const Conditioned at = network->evaluate(x, context);
        ASSERT_EQ(at.output.sizes().vec(), (std::vector<std::int64_t>{2, 4, 5}));
        const Tensor actual = network->pull_back(at, cotangent);
        EXPECT_FALSE(actual.requires_grad());
        expect_close(actual, torch::autograd::grad({at.output}, {x}, {cotangent})[0],
                     tolerance<double>(), "pull-back");
      }
    }
  }
}

TEST(FlowFullyConnected, LeavesCotangentAndActivationsAsTheyAre) {
  const auto network = fully_connected({2, 0, 3}, {4, 2, Activation::kSilu}, Seed(2).generator());
  randomise(*network);
  const Conditioned at = network->evaluate(normal({5, 2}, 3), Tensor());
  const Tensor cotangent = normal({5, 3}, 4), before = cotangent.clone();
  const Tensor once = network->pull_back(at, cotangent);
  expect_same_bits(cotangent, before, "cotangent");
  expect_same_bits(network->pull_back(at, cotangent), once, "the second pull-back");
}

TEST(FlowFullyConnected, StartsWithAnOutputOfZero) {
  const auto network = fully_connected({3, 2, 4}, {8, 2, Activation::kSilu}, Seed(1).generator());
  const Tensor output = network->evaluate(normal({6, 3}, 1), normal({6, 2}, 2)).output;
  expect_same_bits(output.detach(), at::zeros({6, 4}, at::kDouble), "output");
}

TEST(FlowFullyConnected, DrawsWeightsOfVarianceOneOverFanIn) {
  const auto network =
      fully_connected({40, 10, 4}, {200, 2, Activation::kTanh}, Seed(1).generator());
  const NamedTensors parameters = network->parameters();
  for (const auto& [index, fan_in] : {std::pair{0, 50}, std::pair{2, 200}}) {
    const Tensor weight = parameters[static_cast<std::size_t>(index)].second.detach();
    ASSERT_EQ(weight.size(0), fan_in);
    const auto count = static_cast<double>(weight.numel());
    // Of uniform numbers x with variance v: var(x²) = 4/5 v². 4.5 standard errors: a false alarm in
    // 150,000 seeds.
    const double ratio = weight.square().mean().item<double>() * fan_in;
    EXPECT_NEAR(ratio, 1, 4.5 * std::sqrt(0.8 / count));
    EXPECT_NEAR(weight.mean().item<double>() * std::sqrt(fan_in), 0, 4.5 / std::sqrt(count));
    EXPECT_LE(weight.abs().max().item<double>(), std::sqrt(3.0 / fan_in));
  }
}

TEST(FlowFullyConnected, FollowsFromItsGeneratorAlone) {
  const auto weights = [](std::uint64_t seed) {
    return fully_connected({3, 0, 2}, {}, Seed(seed).generator())->parameters()[0].second.detach();
  };
  expect_same_bits(weights(7), weights(7), "the same seed");
  EXPECT_FALSE(weights(7).equal(weights(8)));
}

TEST(FlowFullyConnected, RefusesSizesBelowOne) {
  const auto make = [](const ConditionerShape& shape, const NetworkOptions& options) {
    return fully_connected(shape, options, Seed(1).generator());
  };
  EXPECT_NO_THROW(make({1, 0, 1}, {1, 1, Activation::kTanh}));
  EXPECT_THROW(make({0, 0, 1}, {}), InvalidInput);
  EXPECT_THROW(make({1, -1, 1}, {}), InvalidInput);
  EXPECT_THROW(make({1, 0, 0}, {}), InvalidInput);
  EXPECT_THROW(make({1, 0, 1}, {0, 1, Activation::kTanh}), InvalidInput);
  EXPECT_THROW(make({1, 0, 1}, {1, 0, Activation::kTanh}), InvalidInput);
  EXPECT_THROW(make({1, 2, 1}, {})->evaluate(normal({3, 1}, 1), Tensor()), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
