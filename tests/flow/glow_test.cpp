#include "ergon/flow/glow.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "flow/layer_cases.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const double kTight = tolerance<double>();

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

GlowShape small_shape(std::int64_t channels, std::int64_t side, std::int64_t levels) {
  GlowShape shape{channels, side, side};
  shape.levels = levels;
  shape.steps = 2;
  shape.network.hidden = 8;
  shape.network.activation = Activation::kRelu;
  return shape;
}

std::unique_ptr<FlowLayer> small_glow(std::int64_t channels,
                                      std::int64_t side,
                                      std::int64_t levels,
                                      at::ScalarType type = at::kDouble) {
  return glow_layers(small_shape(channels, side, levels), type, Seed(1).generator());
}

TEST(FlowGlow, StartsAsARotation) {
  for (const auto& [channels, side, levels] :
       std::vector<std::array<std::int64_t, 3>>{{1, 8, 3}, {3, 4, 2}, {1, 14, 1}}) {
    const auto layers = small_glow(channels, side, levels);
    EXPECT_EQ(layers->dim(), channels * side * side);
    const Tensor z = normal({5, layers->dim()}, 2);
    const Mapped mapped = layers->forward(z);
    expect_close(mapped.points.square().sum(-1), z.square().sum(-1), kTight, "length");
    expect_close(mapped.log_det, at::zeros({5}, at::kDouble), kTight, "log-determinant");
    expect_close(layers->inverse(mapped.points).points, z, kTight, "round trip");
    EXPECT_FALSE(at::allclose(mapped.points, z)) << "something must happen to the points";
  }
}

TEST(FlowGlow, RefusesMoreLevelsThanTheImagesHave) {
  const auto message = [](std::int64_t side, std::int64_t levels) {
    return message_of([&] { small_glow(1, side, levels); });
  };
  EXPECT_THAT(message(14, 2), AllOf(HasSubstr("14 x 14"), HasSubstr("at most 1 levels")));
  EXPECT_THAT(message(28, 3), HasSubstr("at most 2 levels"));
  EXPECT_THAT(message(7, 1), HasSubstr("other sizes"));
  EXPECT_THROW(small_glow(1, 8, 0), InvalidInput);
  EXPECT_THROW(small_glow(0, 8, 1), InvalidInput);
  EXPECT_EQ(possible_levels(28, 28), 2);
  EXPECT_EQ(possible_levels(32, 8), 3);
  EXPECT_EQ(possible_levels(7, 14), 0);
}

TEST(FlowGlow, HasLeavesOfTheTypeWithUniqueNames) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const auto layers = small_glow(1, 8, 2, type);
    std::set<std::string> names;
    for (const auto& [name, parameter] : layers->parameters()) {
      EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_TRUE(parameter.is_leaf() && parameter.requires_grad()) << name;
      EXPECT_EQ(parameter.scalar_type(), type) << name;
    }
    // Two levels of two steps: 2 of the actnorm, 3 of the convolution, 6 of the network.
    EXPECT_EQ(names.size(), 2U * 2U * (2U + 3U + 6U));
    const Mapped mapped = layers->forward(normal({3, 64}, 3).to(type));
    EXPECT_EQ(mapped.points.scalar_type(), type);
    EXPECT_EQ(mapped.log_det.scalar_type(), type);
  }
}

TEST(FlowGlow, FollowsFromItsGenerator) {
  const Tensor z = normal({3, 16}, 4);
  const auto image = [&](std::uint64_t seed) {
    return glow_layers(small_shape(1, 4, 2), at::kDouble, Seed(seed).generator())
        ->forward(z)
        .points;
  };
  expect_same_bits(image(7), image(7), "same seed");
  EXPECT_FALSE(at::allclose(image(7), image(8)));
}

TEST(FlowGlow, StartsFromDataInEveryLevel) {
  const auto layers = small_glow(1, 8, 2);
  const Tensor mixing = normal({64, 64}, 5);
  const Tensor data = 30 * at::matmul(normal({400, 64}, 6), mixing) + 100;
  const Tensor z = layers->start_from_data(data, {});
  // Level 1 sends its channels 2 and 3 of 4 x 4 to the base; level 2 makes 8 channels of 2 x 2. The
  // rotation after an actnorm keeps means zero and the sum of the variances.
  const Tensor inner = z.narrow(1, 0, 32).reshape({400, 8, 4}).transpose(0, 1).reshape({8, -1});
  const Tensor outer = z.narrow(1, 32, 32).reshape({400, 2, 16}).transpose(0, 1).reshape({2, -1});
  expect_close(inner.mean(1), at::zeros({8}, at::kDouble), 10 * kTight, "means of level 2");
  expect_close(outer.mean(1), at::zeros({2}, at::kDouble), 10 * kTight, "means of level 1");
  EXPECT_NEAR(inner.square().mean().item<double>(), 1.0, 10 * kTight);
  expect_close(layers->inverse(data).points, z, 10 * kTight, "what it returned");
}

TEST(FlowGlow, SendsHalfOfTheChannelsToTheBaseAfterALevel) {
  const auto layers = small_glow(1, 8, 2);
  perturb_parameters(*layers, 0.1, Seed(9));
  const Tensor z = layers->inverse(normal({2, 64}, 7)).points;
  std::size_t of_level_two = 0;
  for (const auto& named : layers->parameters()) {
    const auto& name = named.first;
    if (name.rfind("0.", 0) != 0) continue;  // layer 0 is next to the base: the second level
    ++of_level_two;
    const auto slope = [&](std::int64_t from) {
      return torch::autograd::grad({z.narrow(1, from, 32).square().sum()}, {named.second}, {},
                                   /*retain_graph=*/true, /*create_graph=*/false,
                                   /*allow_unused=*/true)[0];
    };
    EXPECT_TRUE(slope(0).defined()) << name;
    const Tensor to_the_rest = slope(32);
    EXPECT_TRUE(!to_the_rest.defined() || to_the_rest.abs().max().item<double>() == 0) << name;
  }
  EXPECT_EQ(of_level_two, 22U);
}

TEST(FlowGlow, TakesAContext) {
  GlowShape shape = small_shape(1, 4, 2);
  shape.context_dim = 3;
  const auto layers = glow_layers(shape, at::kDouble, Seed(1).generator());
  EXPECT_EQ(layers->context_dim(), 3);
  perturb_parameters(*layers, 0.2, Seed(10));
  const Tensor z = normal({4, 16}, 8), context = normal({4, 3}, 9);
  const Tensor x = layers->forward(z, context).points;
  EXPECT_FALSE(at::allclose(layers->forward(z, context + 1).points, x));
  expect_close(layers->inverse(x, context).points, z, kTight, "round trip");
  EXPECT_THROW(layers->forward(z), InvalidInput);
}

TEST(FlowGlow, HasScalesAndConvolutionsThatFollowFromTheContext) {
  GlowShape shape = small_shape(1, 4, 2);
  shape.context_dim = 3;
  const auto layers = glow_layers(shape, at::kDouble, Seed(1).generator());
  const Tensor z = normal({4, 16}, 11), context = normal({4, 3}, 12);
  const Mapped start = layers->forward(z, context);
  expect_close(start.points.square().sum(-1), z.square().sum(-1), kTight, "length at the start");
  for (const auto& [name, tensor] : layers->parameters()) {
    const auto last = name.rfind(".network.weight_2");  // of an actnorm or a convolution
    if (last == std::string::npos) continue;
    EXPECT_EQ(tensor.size(0), 8);
    const at::NoGradGuard no_grad;
    for (const double value : {0.01, 0.0}) {
      tensor.fill_(value);
      const Tensor moved = layers->forward(z, context).points;
      EXPECT_EQ(at::allclose(moved, start.points), value == 0.0) << name;
    }
  }
}

}  // namespace
}  // namespace ergon::testing
