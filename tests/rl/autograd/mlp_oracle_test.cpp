#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "ergon/core/tensor.hpp"
#include "ergon/rl/mlp.hpp"
#include "rl/mlp_cases.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

std::vector<MlpCase> oracle_cases() {
  const auto relu = MlpActivation::kRelu, tanh = MlpActivation::kTanh, elu = MlpActivation::kElu;
  return {
      {"PendulumsCritics", {4, {64, 64}, 1, relu}, 2, 100},
      {"PendulumsActor", {3, {64, 64}, 2, tanh}, 1, 100},
      {"WalkersCritics", {23, {256, 256}, 1, relu}, 2, 256},
      {"WalkersActor", {17, {256, 256}, 12, relu}, 1, 256},
      {"WalkersCriticsElu", {23, {256, 256}, 1, elu}, 2, 100},
      {"ThreeLayersTanh", {11, {48, 64, 31}, 5, tanh}, 2, 37},
      {"ThreeLayersElu", {7, {40, 24, 100}, 3, elu}, 1, 9},
      {"ThreeLayersRelu", {5, {33, 65, 17}, 4, relu}, 2, 21},
  };
}

Tensor read(const std::vector<double>& numbers, at::IntArrayRef shape) {
  return at::from_blob(const_cast<double*>(numbers.data()), shape, at::kDouble).clone();
}

Tensor activate(MlpActivation activation, const Tensor& x) {
  if (activation == MlpActivation::kRelu) return at::relu(x);
  return activation == MlpActivation::kTanh ? at::tanh(x) : at::elu(x);
}

/// (rows, outputs) of one member from its flat parameters.
Tensor outputs_of(const MlpShape& shape, const Tensor& parameters, Tensor x) {
  for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
    const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
    const Tensor weight =
        parameters.narrow(0, shape.weight_offset(layer), in * out).view({out, in});
    x = at::linear(x, weight, parameters.narrow(0, shape.bias_offset(layer), out));
    if (layer + 1 < shape.layers()) x = activate(shape.activation, x);
  }
  return x;
}

/// |a - b| over the largest number of b.
double relative_difference(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

class RlAutogradMlp : public ::testing::TestWithParam<MlpCase> {};

TEST_P(RlAutogradMlp, OutputsAndAllGradientsAreAutograds) {
  const MlpCase& test = GetParam();
  const MlpShape& shape = test.shape;
  Mlp<double> network(shape, test.rows, test.members);
  fill_parameters(test, network);
  const auto input = normal_numbers(test.rows * shape.input, 2);
  const auto upstream = normal_numbers(test.members * test.rows * shape.output, 3);
  const Tensor x = read(input, {test.rows, shape.input}).requires_grad_();
  const Tensor p =
      read(network.parameters(), {test.members, shape.parameter_count()}).requires_grad_();
  std::vector<Tensor> outputs;
  for (std::int64_t member = 0; member < test.members; ++member)
    outputs.push_back(outputs_of(shape, p[member], x));
  const Tensor loss =
      (at::stack(outputs) * read(upstream, {test.members, test.rows, shape.output})).sum();
  const auto expected = torch::autograd::grad({loss}, {p, x});

  network.forward(input.data(), shape.input, test.rows);
  std::vector<double> input_gradient(input.size());
  network.backward(upstream.data());
  network.backward_input(upstream.data(), 0, shape.input, input_gradient.data());

  const double most = tolerance<double>();
  for (std::int64_t member = 0; member < test.members; ++member) {
    const Tensor output = at::from_blob(const_cast<double*>(network.output(member)),
                                        {test.rows, shape.output}, at::kDouble);
    EXPECT_LT(relative_difference(output, outputs[static_cast<std::size_t>(member)].detach()),
              most);
    for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
      const std::int64_t first = shape.weight_offset(layer);
      const std::int64_t count = (shape.layer_input(layer) + 1) * shape.layer_output(layer);
      const Tensor all = read(network.gradients(), {test.members, shape.parameter_count()});
      EXPECT_LT(relative_difference(all[member].narrow(0, first, count),
                                    expected[0][member].narrow(0, first, count)),
                most)
          << "member " << member << ", layer " << layer;
    }
  }
  EXPECT_LT(relative_difference(read(input_gradient, {test.rows, shape.input}), expected[1]), most);
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         RlAutogradMlp,
                         ::testing::ValuesIn(oracle_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ergon::testing
