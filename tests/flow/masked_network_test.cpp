#include "ergon/flow/masked_network.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "ergon/core/errors.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

struct Layout {
  std::string name;
  std::int64_t dim;
  std::int64_t outputs;
  std::int64_t context;
  NetworkOptions network;
};

const std::vector<Layout>& layouts() {
  const auto tanh = Activation::kTanh, relu = Activation::kRelu, silu = Activation::kSilu;
  static const std::vector<Layout> all = {
      {"one_layer_fewer_units", 6, 2, 0, {3, 1, tanh}},
      {"one_layer_one_unit", 4, 1, 0, {1, 1, tanh}},
      {"one_layer_a_unit_per_degree", 5, 2, 0, {4, 1, silu}},
      {"three_layers_as_many_units", 5, 2, 0, {5, 3, tanh}},
      {"three_layers_more_units", 4, 3, 0, {23, 3, silu}},
      {"three_layers_fewer_units_context", 6, 2, 3, {4, 3, tanh}},
      {"one_layer_more_units_context", 5, 1, 2, {16, 1, relu}},
      {"one_coordinate", 1, 2, 0, {3, 2, tanh}},
      {"one_coordinate_context", 1, 2, 2, {3, 2, tanh}},
      {"two_coordinates", 2, 2, 0, {7, 2, relu}},
      {"more_coordinates_than_a_block", 70, 2, 1, {90, 2, tanh}},
      {"many_coordinates_few_units", 67, 2, 0, {20, 3, silu}},
  };
  return all;
}

Tensor normal(at::IntArrayRef shape, Seed seed, at::ScalarType type = at::kDouble) {
  return draw::normal_like(at::empty(shape, at::TensorOptions().dtype(type)), seed.generator());
}

/// Parameters of standard deviation 0.5, so that no number is small by chance of the start.
std::unique_ptr<MaskedNetwork> random_network(const Layout& of, Seed seed) {
  auto network = std::make_unique<MaskedNetwork>(of.dim, of.outputs, of.context, of.network,
                                                 seed.child("network").generator());
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : network->parameters()) {
    Tensor(tensor).copy_(normal(tensor.sizes(), seed.child(name)).mul_(0.5));
  }
  return network;
}

class MaskedNetworks : public ::testing::TestWithParam<Layout> {
 protected:
  static constexpr std::int64_t kRows = 5;
  const Layout& of_ = GetParam();
  const Seed seed_ = Seed(77);
  const std::unique_ptr<MaskedNetwork> network_ = random_network(of_, seed_);
  const Tensor input_ = normal({kRows, of_.dim}, seed_.child("input"));
  const Tensor context_ = of_.context > 0 ? normal({kRows, of_.context}, seed_.child("context"))
                                          : Tensor();

  /// ∂output/∂input of every row by autograd, (rows, D K, D).
  Tensor jacobian() const {
    const Tensor leaf = input_.clone().requires_grad_(true);
    const Tensor output = network_->evaluate(leaf, context_).output;
    std::vector<Tensor> rows;
    for (std::int64_t o = 0; o < output.size(-1); ++o) {
      rows.push_back(
          torch::autograd::grad({output.select(-1, o).sum()}, {leaf}, {}, true, false, true)[0]);
      if (!rows.back().defined()) rows.back() = at::zeros_like(input_);
    }
    return at::stack(rows, 1);
  }
  Tensor by_coordinate(const Tensor& output) const {
    return output.view({kRows, of_.dim, of_.outputs});
  }
};

/// Where no derivative is zero by chance.
class SmoothMaskedNetworks : public MaskedNetworks {};
class ConditionalMaskedNetworks : public MaskedNetworks {};

TEST_P(MaskedNetworks, GivesACoordinateNumbersOfThoseBeforeItAlone) {
  const Tensor all = jacobian().view({kRows, of_.dim, of_.outputs, of_.dim}).abs().sum(2).sum(0);
  const Tensor not_before = at::ones_like(all).triu();
  EXPECT_EQ((all * not_before).max().item<double>(), 0) << all;
}

TEST_P(SmoothMaskedNetworks, LetsTheLastCoordinateSeeAllOthers) {
  const Tensor all = jacobian().view({kRows, of_.dim, of_.outputs, of_.dim}).abs().sum(2).sum(0);
  const Tensor seen = all[of_.dim - 1].narrow(0, 0, of_.dim - 1);
  EXPECT_TRUE((seen > 0).all().item<bool>()) << seen;
}

TEST_P(ConditionalMaskedNetworks, LetsEveryCoordinateSeeTheContext) {
  const Tensor before = by_coordinate(network_->evaluate(input_, context_).output);
  const Tensor after = by_coordinate(network_->evaluate(input_, context_ + 0.5).output);
  EXPECT_TRUE(((after - before).abs().sum(2).sum(0) > 0).all().item<bool>());
  EXPECT_THROW(network_->evaluate(input_, Tensor()), InvalidInput);
  EXPECT_THROW(network_->forwards(input_, Tensor()), InvalidInput);
}

TEST_P(SmoothMaskedNetworks, NeitherReadsNorMovesMaskedWeights) {
  const Tensor before = network_->evaluate(input_, context_).output;
  const Tensor weights = normal(before.sizes(), seed_.child("weights"));
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : network_->parameters()) tensors.push_back(tensor);
  const auto slopes = torch::autograd::grad({(before * weights).sum()}, tensors);
  const at::NoGradGuard no_grad;
  std::int64_t masked = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].dim() == 1) continue;
    masked += (slopes[i] == 0).sum().item<std::int64_t>();
    tensors[i].add_((slopes[i] == 0).to(at::kDouble), 100);
  }
  EXPECT_GT(masked, 0);
  expect_same_bits(network_->evaluate(input_, context_).output, before.detach(), "outputs");
}

TEST_P(MaskedNetworks, GoForwardsAsInOnePass) {
  const Tensor expected = by_coordinate(network_->evaluate(input_, context_).output);
  const auto forwards = network_->forwards(input_, context_);
  std::vector<Tensor> outputs;
  for (std::int64_t i = 0; i < of_.dim; ++i) {
    outputs.push_back(forwards->outputs(i));
    forwards->set(i, input_.select(-1, i));
  }
  EXPECT_FALSE(outputs.back().requires_grad());
  expect_close(at::stack(outputs, 1), expected, tolerance<double>(), of_.name);
}

TEST_P(MaskedNetworks, PullBackAsAutogradDoes) {
  const Conditioned at = network_->evaluate(input_, context_);
  const Tensor cotangent = normal(at.output.sizes(), seed_.child("cotangent"));
  const Tensor expected = at::matmul(cotangent.unsqueeze(1), jacobian()).squeeze(1);
  const Tensor found = network_->pull_back(at, cotangent);
  EXPECT_FALSE(found.requires_grad());
  expect_close(found, expected, tolerance<double>(), of_.name);
}

TEST_P(MaskedNetworks, GoBackwardsAsInOnePullBack) {
  const Conditioned at = network_->evaluate(input_, context_);
  const Tensor cotangent = normal(at.output.sizes(), seed_.child("cotangent"));
  const Tensor expected = network_->pull_back(at, cotangent);
  const auto backwards = network_->backwards(at);
  std::vector<Tensor> inputs(static_cast<std::size_t>(of_.dim));
  for (std::int64_t i = of_.dim - 1; i >= 0; --i) {
    inputs[static_cast<std::size_t>(i)] = backwards->input(i);
    backwards->set(i, by_coordinate(cotangent).select(1, i));
  }
  expect_close(at::stack(inputs, -1), expected, tolerance<double>(), of_.name);
}

TEST_P(MaskedNetworks, PushTangentsForwardsAsTheJacobianDoes) {
  const Conditioned at = network_->evaluate(input_, context_);
  const Tensor tangent = normal(input_.sizes(), seed_.child("tangent"));
  const Tensor expected = at::matmul(jacobian(), tangent.unsqueeze(-1)).squeeze(-1);
  const auto linearised = network_->linearised(at);
  const auto tangents = linearised->tangents();
  std::vector<Tensor> outputs;
  for (std::int64_t i = 0; i < of_.dim; ++i) {
    outputs.push_back(tangents->outputs(i));
    tangents->set(i, tangent.select(-1, i));
  }
  expect_close(at::stack(outputs, 1), by_coordinate(expected), tolerance<double>(), of_.name);
}

TEST_P(MaskedNetworks, SweepOnePointAndStayTheSame) {
  std::vector<Tensor> before;
  for (const auto& [name, tensor] : network_->parameters()) {
    before.push_back(tensor.detach().clone());
  }
  const Tensor input = input_.narrow(0, 0, 1);
  const Tensor context = context_.defined() ? context_.narrow(0, 0, 1) : context_;
  const Conditioned at = network_->evaluate(input, context);
  const Tensor kept = at.activations.front().detach().clone();
  const auto forwards = network_->forwards(input, context);
  const auto backwards = network_->backwards(at);
  std::vector<Tensor> outputs;
  for (std::int64_t i = 0; i < of_.dim; ++i) {
    outputs.push_back(forwards->outputs(i));
    forwards->set(i, input.select(-1, i));
    backwards->input(of_.dim - 1 - i);
    backwards->set(of_.dim - 1 - i, outputs.back());
  }
  expect_close(at::cat(outputs, -1), at.output, tolerance<double>(), "outputs");
  expect_same_bits(at.activations.front().detach(), kept, "activations");
  for (std::size_t i = 0; i < before.size(); ++i) {
    expect_same_bits(network_->parameters()[i].second.detach(), before[i], "a parameter");
  }
}

TEST_P(MaskedNetworks, SweepInFloat32AndOverLeadingDimensions) {
  for (const auto& [name, tensor] : network_->parameters()) {
    tensor.set_data(tensor.detach().to(at::kFloat));
  }
  const auto shaped = [](const Tensor& x) {
    return x.defined() ? x.to(at::kFloat).unsqueeze(0).repeat({2, 1, 1}) : x;
  };
  const Tensor input = shaped(input_), context = shaped(context_);
  const Conditioned at = network_->evaluate(input, context);
  EXPECT_EQ(at.output.scalar_type(), at::kFloat);
  ASSERT_EQ(at.output.sizes(), (at::IntArrayRef{2, kRows, of_.dim * of_.outputs}));
  const auto forwards = network_->forwards(input, context);
  const auto backwards = network_->backwards(at);
  std::vector<Tensor> outputs, inputs;
  for (std::int64_t i = 0; i < of_.dim; ++i) {
    outputs.push_back(forwards->outputs(i));
    forwards->set(i, input.select(-1, i));
    inputs.insert(inputs.begin(), backwards->input(of_.dim - 1 - i));
    backwards->set(of_.dim - 1 - i, at::ones({2, kRows, of_.outputs}));
  }
  expect_close(at::cat(outputs, -1), at.output, 10 * tolerance<float>(), "outputs");
  expect_close(at::stack(inputs, -1), network_->pull_back(at, at::ones_like(at.output)),
               10 * tolerance<float>(), "inputs");
}

template <class Predicate>
std::vector<Layout> layouts_where(const Predicate& holds) {
  std::vector<Layout> chosen;
  std::copy_if(layouts().begin(), layouts().end(), std::back_inserter(chosen), holds);
  return chosen;
}
std::string name_of(const ::testing::TestParamInfo<Layout>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Flow, MaskedNetworks, ::testing::ValuesIn(layouts()), name_of);
INSTANTIATE_TEST_SUITE_P(Flow,
                         SmoothMaskedNetworks,
                         ::testing::ValuesIn(layouts_where([](const Layout& of) {
                           return of.network.activation != Activation::kRelu;
                         })),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Flow,
                         ConditionalMaskedNetworks,
                         ::testing::ValuesIn(layouts_where([](const Layout& of) {
                           return of.context > 0;
                         })),
                         name_of);

/// How many of its inputs every unit of the first layer reads.
std::vector<std::int64_t> inputs_read(const Layout& of) {
  const auto network = random_network(of, Seed(5));
  const Tensor weight = network->parameters()[0].second;
  const Tensor input = normal({3, of.dim}, Seed(6));
  const Tensor context = of.context > 0 ? normal({3, of.context}, Seed(7)) : Tensor();
  const Tensor output = network->evaluate(input, context).output;
  const Tensor slope =
      torch::autograd::grad({(output * normal(output.sizes(), Seed(8))).sum()}, {weight})[0];
  const Tensor read = (slope != 0).sum(0);
  return {read.data_ptr<std::int64_t>(), read.data_ptr<std::int64_t>() + read.numel()};
}

TEST(FlowMaskedNetwork, SpreadsDegreesEvenly) {
  using Degrees = std::vector<std::int64_t>;
  EXPECT_EQ(inputs_read({"", 4, 1, 0, {6, 1, Activation::kTanh}}), (Degrees{1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(inputs_read({"", 9, 1, 0, {3, 1, Activation::kTanh}}), (Degrees{1, 4, 8}));
  EXPECT_EQ(inputs_read({"", 4, 1, 0, {1, 1, Activation::kTanh}}), (Degrees{3}));
  // A context of two comes on top; units of degree 0 see nothing else.
  EXPECT_EQ(inputs_read({"", 3, 1, 2, {6, 1, Activation::kTanh}}), (Degrees{2, 2, 3, 3, 4, 4}));
}

TEST(FlowMaskedNetwork, HasTheValuesOfAComputationByHand) {
  // Three coordinates, one number each; two units, of degrees 1 and 2; relu.
  MaskedNetwork network(3, 1, 0, {2, 1, Activation::kRelu}, Seed(1).generator());
  const auto parameters = network.parameters();
  const auto fill = [](const Tensor& tensor, at::ArrayRef<double> values) {
    const at::NoGradGuard no_grad;
    Tensor(tensor).copy_(at::tensor(values, at::kDouble).view(tensor.sizes()));
  };
  fill(parameters[0].second, {2, 1, 9, 3, 9, 9});   // rows x1, x2, x3; 9 is masked
  fill(parameters[1].second, {0.5, -1});            // unit 1: 2 x1 + 0.5, unit 2: x1 + 3 x2 - 1
  fill(parameters[2].second, {9, 4, 1, 9, 9, -2});  // o2 = 4 h1, o3 = h1 - 2 h2
  fill(parameters[3].second, {0.25, 0.5, 0.75});
  const Tensor x = at::tensor(at::ArrayRef<double>{1, 2, 5}, at::kDouble).view({1, 3});
  // h1 = 2.5, h2 = 1 + 6 - 1 = 6: o = (0.25, 10 + 0.5, 2.5 - 12 + 0.75).
  const Conditioned at = network.evaluate(x, {});
  const Tensor expected = at::tensor(at::ArrayRef<double>{0.25, 10.5, -8.75}, at::kDouble);
  expect_close(at.output.squeeze(0), expected, tolerance<double>(), "outputs");
  // ∂(o1 + o2 + o3)/∂x = (8 + 2 - 2, -6, 0).
  const Tensor slope = at::tensor(at::ArrayRef<double>{8, -6, 0}, at::kDouble);
  expect_close(network.pull_back(at, at::ones({1, 3}, at::kDouble)).squeeze(0), slope,
               tolerance<double>(), "slope");
}

TEST(FlowMaskedNetwork, StartsAtZeroWithUnitsOfTheVarianceOfTheirInputs) {
  const MaskedNetwork network(50, 2, 0, {400, 2, Activation::kTanh}, Seed(3).generator());
  const Tensor x = normal({4, 50}, Seed(4));
  EXPECT_EQ(network.evaluate(x, {}).output.abs().max().item<double>(), 0);
  // Σ_in w² of unit u has the mean 1 whatever its degree, and relative variance 4/5 per input:
  // over 400 units of 8 or 9 inputs of one degree each the mean is known to about 0.02.
  const Tensor squares = network.parameters()[0].second.detach().square().sum(0);
  EXPECT_NEAR(squares.mean().item<double>(), 1, 0.1);
  EXPECT_NEAR(squares.narrow(0, 0, 40).mean().item<double>(), 1, 0.4);
}

TEST(FlowMaskedNetwork, RefusesSizesThatItCannotHave) {
  const NetworkOptions good = {4, 1, Activation::kTanh};
  const auto make = [](std::int64_t dim, std::int64_t outputs, std::int64_t context,
                       const NetworkOptions& options) {
    return MaskedNetwork(dim, outputs, context, options, Seed(1).generator());
  };
  EXPECT_THROW(make(0, 1, 0, good), InvalidInput);
  EXPECT_THROW(make(2, 0, 0, good), InvalidInput);
  EXPECT_THROW(make(2, 1, -1, good), InvalidInput);
  EXPECT_THROW(make(2, 1, 0, {0, 1, Activation::kTanh}), InvalidInput);
  EXPECT_THROW(make(2, 1, 0, {4, 0, Activation::kTanh}), InvalidInput);
  EXPECT_THROW(make(2, 1, 0, good).evaluate(at::zeros({1, 3}, at::kDouble), {}), InvalidInput);
}

TEST(FlowMaskedNetwork, RefusesToLineariseWithWeightsThatChangedSince) {
  const MaskedNetwork network(3, 1, 0, {4, 1, Activation::kTanh}, Seed(1).generator());
  const Tensor x = at::zeros({2, 3}, at::kDouble);
  const auto linearised = network.linearised(network.evaluate(x, {}));
  linearised->backwards();
  const at::NoGradGuard no_grad;
  network.parameters()[0].second.add_(1);
  EXPECT_THROW(linearised->backwards(), InvalidInput);
  EXPECT_THROW(linearised->tangents(), InvalidInput);
}

TEST(FlowMaskedNetwork, RefusesSweepsInAnotherOrder) {
  const MaskedNetwork network(3, 1, 0, {4, 1, Activation::kTanh}, Seed(1).generator());
  const Tensor x = at::zeros({2, 3}, at::kDouble), column = x.select(-1, 0);
  const auto forwards = network.forwards(x, {});
  EXPECT_THROW(forwards->outputs(1), BrokenPromise);
  EXPECT_THROW(forwards->set(0, column), BrokenPromise);
  forwards->outputs(0);
  EXPECT_THROW(forwards->set(1, column), BrokenPromise);
  const auto backwards = network.backwards(network.evaluate(x, {}));
  EXPECT_THROW(backwards->input(0), BrokenPromise);
  EXPECT_THROW(backwards->set(2, column.unsqueeze(-1)), BrokenPromise);
}

}  // namespace
}  // namespace ergon::testing
