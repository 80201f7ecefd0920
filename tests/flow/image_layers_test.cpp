#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <initializer_list>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/flow/actnorm.hpp"
#include "ergon/flow/convolutional.hpp"
#include "ergon/flow/invertible_convolution.hpp"
#include "ergon/flow/partial.hpp"
#include "ergon/flow/squeeze.hpp"
#include "flow/layer_cases.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

const double kTight = tolerance<double>();

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

TEST(FlowActNorm, StartsFromDataWithMeanZeroAndVarianceOneInEveryChannel) {
  for (const std::int64_t places : {1, 6}) {
    ActNorm layer(4, places);
    const Tensor scales = at::tensor({1e-3, 1.0, 7.0, 1e4}, at::kDouble).unsqueeze(-1);
    const Tensor data = ((normal({500, 4, places}, 21) + 3) * scales).reshape({500, 4 * places});
    const Tensor started = layer.start_from_data(data, {});
    const Tensor numbers = started.view({500, 4, places}).transpose(0, 1).reshape({4, -1});
    expect_close(numbers.mean(1), at::zeros({4}, at::kDouble), kTight, "mean");
    expect_close(numbers.var(1, false), at::ones({4}, at::kDouble), kTight, "variance");
    expect_close(layer.inverse(data, {}).points, started, kTight, "what it returned");
    expect_close(layer.forward(started, {}).points, data, kTight, "round trip");
  }
}

TEST(FlowActNorm, KeepsTheScaleOfAConstantChannel) {
  ActNorm layer(2, 1);
  const Tensor data = at::stack({at::full({10}, 3.0, at::kDouble), normal({10}, 22)}, -1);
  const Tensor started = layer.start_from_data(data, {});
  EXPECT_TRUE(started.isfinite().all().item<bool>());
  EXPECT_EQ(layer.parameters()[0].second[0].item<double>(), 0.0);
  EXPECT_EQ(started.select(1, 0).abs().max().item<double>(), 0.0);
}

TEST(FlowImageLayers, AreFiniteForAnyFiniteParametersInFloat32) {
  ActNorm normalisation(4, 1);
  InvertibleConvolution convolution(4, 1, Seed(26).generator());
  const Tensor x = normal({5, 4}, 27).to(at::kFloat);
  for (FlowLayer* layer : std::initializer_list<FlowLayer*>{&normalisation, &convolution}) {
    set_parameter_type(*layer, at::kFloat);
    for (const double value : {-200.0, 200.0}) {
      const at::NoGradGuard no_grad;
      for (const auto& [name, tensor] : layer->parameters()) {
        if (name.find("log") == 0) tensor.fill_(value);
        if (name == "shift") tensor.fill_(1.0);
      }
      for (const Mapped& mapped : {layer->forward(x, {}), layer->inverse(x, {})}) {
        EXPECT_TRUE(mapped.points.isfinite().all().item<bool>()) << value;
        EXPECT_TRUE(mapped.log_det.isfinite().all().item<bool>()) << value;
      }
    }
  }
}

TEST(FlowActNorm, RefusesBatchesThatSayNothing) {
  ActNorm layer(2, 1);
  EXPECT_THAT(message_of([&] {
                layer.start_from_data(normal({1, 2}, 23), {});
              }),
              HasSubstr("two numbers"));
  Tensor bad = normal({4, 2}, 24);
  bad[0][1] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(message_of([&] { layer.start_from_data(bad, {}); }), HasSubstr("not finite"));
  EXPECT_THROW(ActNorm(0, 1), InvalidInput);
  EXPECT_THROW(layer.forward(normal({4, 3}, 25), {}), InvalidInput);
}

TEST(FlowInvertibleConvolution, StartsAsARotationWithAnInverse) {
  for (const std::int64_t channels : {1, 2, 12, 48}) {
    const InvertibleConvolution layer(channels, 1, Seed(31).generator());
    const Tensor w = layer.matrix(), unit = at::eye(channels, at::kDouble);
    expect_close(at::matmul(w, w.t()), unit, kTight, "W Wᵀ");
    expect_close(at::matmul(w, layer.inverse_matrix()), unit, kTight, "W W⁻¹");
  }
}

TEST(FlowInvertibleConvolution, HasTheLogDeterminantOfItsMatrixInEveryPlace) {
  const InvertibleConvolution layer(4, 6, Seed(36).generator());
  perturb_parameters(layer, 0.3, Seed(37));
  const Tensor of_matrix = std::get<1>(at::linalg_slogdet(layer.matrix()));
  const Tensor x = normal({2, 24}, 38);
  expect_close(layer.forward(x, {}).log_det, (6 * of_matrix).expand({2}), kTight, "forward");
  expect_close(layer.inverse(x, {}).log_det, (-6 * of_matrix).expand({2}), kTight, "inverse");
}

TEST(FlowInvertibleConvolution, IsTheSameMatrixInEveryPlace) {
  const InvertibleConvolution layer(3, 4, Seed(32).generator());
  const Tensor x = normal({2, 3, 4}, 33);
  const Tensor y = layer.forward(x.view({2, 12}), {}).points.view({2, 3, 4});
  for (std::int64_t place = 0; place < 4; ++place) {
    expect_close(y.select(2, place), at::matmul(x.select(2, place), layer.matrix().t()), kTight,
                 "place");
  }
}

TEST(FlowInvertibleConvolution, FollowsFromItsGenerator) {
  const Tensor one = InvertibleConvolution(4, 1, Seed(34).generator()).matrix();
  expect_same_bits(InvertibleConvolution(4, 1, Seed(34).generator()).matrix(), one, "same seed");
  EXPECT_FALSE(at::allclose(InvertibleConvolution(4, 1, Seed(35).generator()).matrix(), one));
}

TEST(FlowImageLayers, StartUnderAContextAsTheyDoWithoutOne) {
  const NetworkOptions network = {6, 1, Activation::kTanh};
  const ActNorm normalisation(3, 4), told_normalisation(3, 4, 2, network, Seed(71).generator());
  const InvertibleConvolution convolution(3, 4, Seed(72).generator());
  const InvertibleConvolution told_convolution(3, 4, 2, network, Seed(72).generator());
  const Tensor x = normal({5, 12}, 73), context = normal({5, 2}, 74);
  for (const auto& [plain, told] :
       std::initializer_list<std::pair<const FlowLayer*, const FlowLayer*>>{
           {&normalisation, &told_normalisation}, {&convolution, &told_convolution}}) {
    EXPECT_EQ(plain->context_dim(), 0);
    EXPECT_EQ(told->context_dim(), 2);
    const Mapped expected = plain->forward(x, {}), mapped = told->forward(x, context);
    expect_close(mapped.points, expected.points, kTight, "points");
    expect_close(mapped.log_det, expected.log_det, kTight, "log-determinant");
  }
}

TEST(FlowImageLayers, RefuseContextsThatDoNotFit) {
  const ActNorm normalisation(3, 1, 2, {}, Seed(75).generator());
  const InvertibleConvolution convolution(3, 1, 2, {}, Seed(76).generator());
  const Tensor x = normal({5, 3}, 77);
  for (const FlowLayer* layer :
       std::initializer_list<const FlowLayer*>{&normalisation, &convolution}) {
    EXPECT_THROW(layer->carry_forward(x, x, {}), InvalidInput);
    EXPECT_THROW(layer->carry_inverse(x, x, normal({5, 3}, 78)), InvalidInput);
    EXPECT_THROW(layer->forward(x, normal({4, 2}, 79)), InvalidInput);
  }
  EXPECT_THAT(message_of([] { ActNorm(3, 1, -1, {}, Seed(1).generator()); }), HasSubstr("-1"));
  EXPECT_THAT(message_of([] { InvertibleConvolution(3, 1, -1, {}, Seed(1).generator()); }),
              HasSubstr("-1"));
}

TEST(FlowSqueeze, MakesFourChannelsOfEveryBlock) {
  // Two channels of 2 x 4:  0 1 2 3 / 4 5 6 7  and 8 more each.
  const Tensor x = at::arange(16, at::kDouble).unsqueeze(0);
  const Squeeze layer(2, 2, 4);
  const Tensor expected = at::tensor(
      {0., 2., 1., 3., 4., 6., 5., 7., 8., 10., 9., 11., 12., 14., 13., 15.}, at::kDouble);
  EXPECT_TRUE(at::equal(layer.forward(x, {}).points[0], expected));
  EXPECT_TRUE(at::equal(layer.inverse(expected.unsqueeze(0), {}).points, x));
  EXPECT_EQ(layer.forward(x, {}).log_det.item<double>(), 0.0);
  EXPECT_THAT(message_of([] { Squeeze(1, 7, 8); }), HasSubstr("7 x 8"));
}

TEST(FlowPartial, LeavesTheRestAlone) {
  Partial layer(std::make_unique<ActNorm>(2, 1), 5);
  const Tensor data = 4 * normal({50, 5}, 41) + 1;
  const Tensor started = layer.start_from_data(data, {});
  EXPECT_TRUE(at::equal(started.narrow(1, 2, 3), data.narrow(1, 2, 3)));
  expect_close(started.narrow(1, 0, 2).var(0, false), at::ones({2}, at::kDouble), kTight,
               "variance of the part that moves");
  EXPECT_THROW(Partial(std::make_unique<ActNorm>(6, 1), 5), InvalidInput);
  EXPECT_THROW(Partial(nullptr, 5), InvalidInput);
}

struct NetworkCase {
  Activation activation;
  std::int64_t hidden_layers, context_dim;
};

class FlowConvolutional : public ::testing::TestWithParam<NetworkCase> {};

std::unique_ptr<Conditioner> network_of(const NetworkCase& with) {
  NetworkOptions options;
  options.hidden = 5;
  options.hidden_layers = with.hidden_layers;
  options.activation = with.activation;
  return convolutional({2, 3, 2, 3, 4, with.context_dim}, options, Seed(51).generator());
}

TEST_P(FlowConvolutional, PullsBackAsAutogradDoes) {
  const auto network = network_of(GetParam());
  std::uint64_t seed = 60;
  for (const auto& [name, parameter] : network->parameters()) {
    const at::NoGradGuard no_grad;
    parameter.add_(0.3 * normal(parameter.sizes().vec(), seed++));
  }
  const Tensor input = normal({2, 3, network->input_dim()}, 52).requires_grad_(true);
  const Tensor context =
      GetParam().context_dim > 0 ? normal({2, 3, GetParam().context_dim}, 53) : Tensor();
  const Conditioned at = network->evaluate(input, context);
  const Tensor cotangent = normal({2, 3, network->output_dim()}, 54);
  const Tensor expected = torch::autograd::grad({at.output}, {input}, {cotangent})[0];
  const Tensor pulled = network->pull_back(at, cotangent);
  expect_close(pulled, expected, kTight, "pull_back");
  EXPECT_FALSE(pulled.requires_grad());
}

TEST_P(FlowConvolutional, StartsAtZero) {
  const auto network = network_of(GetParam());
  const Tensor context =
      GetParam().context_dim > 0 ? normal({4, GetParam().context_dim}, 55) : Tensor();
  const Tensor output = network->evaluate(normal({4, network->input_dim()}, 56), context).output;
  EXPECT_EQ(output.sizes(), (at::IntArrayRef{4, network->output_dim()}));
  EXPECT_EQ(output.abs().max().item<double>(), 0.0);
}

INSTANTIATE_TEST_SUITE_P(Flow,
                         FlowConvolutional,
                         ::testing::Values(NetworkCase{Activation::kTanh, 1, 0},
                                           NetworkCase{Activation::kTanh, 2, 3},
                                           NetworkCase{Activation::kRelu, 2, 0},
                                           NetworkCase{Activation::kRelu, 3, 1},
                                           NetworkCase{Activation::kSilu, 1, 2},
                                           NetworkCase{Activation::kSilu, 2, 0}));

TEST(FlowConvolutional, PutsTheNumbersOfACoordinateSideBySide) {
  const auto network = network_of({Activation::kTanh, 2, 0});
  const Tensor bias = find_tensor(network->parameters(), "bias2", "the network");
  {
    const at::NoGradGuard no_grad;
    bias.copy_(at::arange(6, at::kDouble));  // channel c, number k: 2 c + k
  }
  const Tensor output = network->evaluate(normal({1, 24}, 57), {}).output.view({3, 12, 2});
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    for (std::int64_t k = 0; k < 2; ++k) {
      const Tensor numbers = output.select(2, k)[channel];
      EXPECT_EQ(numbers.min().item<double>(), 2. * channel + k);
      EXPECT_EQ(numbers.max().item<double>(), 2. * channel + k);
    }
  }
}

TEST(FlowConvolutional, SeesTwoPixelsFar) {
  NetworkOptions options;
  options.hidden = 8;
  const auto network = convolutional({1, 1, 1, 1, 9, 0}, options, Seed(58).generator());
  {
    const at::NoGradGuard no_grad;
    find_tensor(network->parameters(), "weight2", "the network").fill_(1.0);
  }
  const Tensor x = normal({1, 9}, 59).requires_grad_(true);
  const Tensor middle = network->evaluate(x, {}).output.select(1, 4).sum();
  const Tensor seen = torch::autograd::grad({middle}, {x})[0][0] != 0;
  EXPECT_TRUE(at::equal(seen, at::tensor({0, 0, 1, 1, 1, 1, 1, 0, 0}, at::kInt).to(at::kBool)));
}

TEST(FlowConvolutional, RefusesWhatDoesNotFit) {
  EXPECT_THROW(convolutional({0, 1, 1, 1, 1, 0}, {}, Seed(1).generator()), InvalidInput);
  const auto network = network_of({Activation::kTanh, 2, 3});
  EXPECT_THROW(network->evaluate(normal({4, 24}, 61), {}), InvalidInput);
  EXPECT_THROW(network->evaluate(normal({4, 23}, 61), normal({4, 3}, 62)), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
