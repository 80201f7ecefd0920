#include "ergon/rl/mlp.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "rl/mlp_cases.hpp"

namespace ergon {
namespace {

using ::testing::HasSubstr;
using testing::MlpCase;
using testing::normal_numbers;
using ::testing::ThrowsMessage;

double activate(MlpActivation activation, double x) {
  if (activation == MlpActivation::kRelu) return x > 0 ? x : 0;
  if (activation == MlpActivation::kTanh) return std::tanh(x);
  return x > 0 ? x : std::expm1(x);
}

/// The network's definition at one input.
std::vector<double> output_by_definition(const MlpShape& shape,
                                         const double* parameters,
                                         std::vector<double> x) {
  for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
    std::vector<double> y(static_cast<std::size_t>(shape.layer_output(layer)));
    const double* weight = parameters + shape.weight_offset(layer);
    const double* bias = parameters + shape.bias_offset(layer);
    for (std::size_t o = 0; o < y.size(); ++o) {
      y[o] = bias[o];
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += weight[o * x.size() + i] * x[i];
      if (layer + 1 < shape.layers()) y[o] = activate(shape.activation, y[o]);
    }
    x = std::move(y);
  }
  return x;
}

template <class Real>
std::vector<Real> converted(const std::vector<double>& numbers) {
  return std::vector<Real>(numbers.begin(), numbers.end());
}

class RlMlp : public ::testing::TestWithParam<MlpCase> {
 protected:
  const MlpShape& shape() const { return GetParam().shape; }
  std::int64_t rows() const { return GetParam().rows; }
  std::int64_t members() const { return GetParam().members; }
  /// Inputs lie in rows of more numbers than the network takes.
  std::int64_t stride() const { return shape().input + 3; }
  Mlp<double> network() const {
    Mlp<double> made(shape(), rows() + 5, members());
    testing::fill_parameters(GetParam(), made);
    return made;
  }
  /// sum of outputs times `weights`, members x (rows x outputs).
  double weighted_outputs(Mlp<double>& of, const std::vector<double>& weights) const {
    of.forward(input_.data(), stride(), rows());
    double sum = 0;
    const std::int64_t each = rows() * shape().output;
    for (std::int64_t member = 0; member < members(); ++member)
      for (std::int64_t i = 0; i < each; ++i)
        sum += of.output(member)[i] * weights[static_cast<std::size_t>(member * each + i)];
    return sum;
  }
  /// (f(x + h) - f(x - h)) / 2h of weighted_outputs in a number that it depends on.
  double difference_quotient(Mlp<double>& of, const std::vector<double>& weights, double& x) const {
    constexpr double kStep = 1e-6;
    const double before = x;
    x = before + kStep;
    const double above = weighted_outputs(of, weights);
    x = before - kStep;
    const double below = weighted_outputs(of, weights);
    x = before;
    return (above - below) / (2 * kStep);
  }
  std::vector<double> output_weights() const {
    return normal_numbers(members() * rows() * shape().output, 3);
  }
  std::vector<double> input_ = normal_numbers(rows() * stride(), 2);
};

TEST_P(RlMlp, GivesEveryMembersOutputsByDefinition) {
  Mlp<double> net = network();
  net.forward(input_.data(), stride(), rows());
  for (std::int64_t member = 0; member < members(); ++member) {
    for (std::int64_t row = 0; row < rows(); ++row) {
      const auto* begin = input_.data() + row * stride();
      const auto expected = output_by_definition(
          shape(), net.parameters().data() + member * shape().parameter_count(),
          std::vector<double>(begin, begin + shape().input));
      for (std::int64_t o = 0; o < shape().output; ++o)
        ASSERT_NEAR(net.output(member)[row * shape().output + o],
                    expected[static_cast<std::size_t>(o)], 1e-12)
            << "member " << member << ", row " << row << ", output " << o;
    }
  }
}

TEST_P(RlMlp, GradientsOfParametersAreDifferenceQuotients) {
  Mlp<double> net = network();
  const auto weights = output_weights();
  weighted_outputs(net, weights);
  net.backward(weights.data());
  const auto gradients = net.gradients();
  const std::size_t apart = gradients.size() / 60 + 1;
  for (std::size_t at = 0; at < gradients.size(); at += apart)
    EXPECT_NEAR(gradients[at], difference_quotient(net, weights, net.parameters()[at]),
                2e-7 * static_cast<double>(rows()))
        << "parameter " << at;
}

TEST_P(RlMlp, GradientsOfInputsAreDifferenceQuotientsSummedOverTheMembers) {
  Mlp<double> net = network();
  const auto weights = output_weights();
  weighted_outputs(net, weights);
  std::fill(net.gradients().begin(), net.gradients().end(), 42.0);
  const std::int64_t first = shape().input / 2, last = shape().input, width = last - first;
  std::vector<double> gradients(static_cast<std::size_t>(rows() * width), 7.0);
  net.backward_input(weights.data(), first, last, gradients.data());
  EXPECT_THAT(net.gradients(), ::testing::Each(42.0));
  const std::size_t apart = gradients.size() / 60 + 1;
  for (std::size_t at = 0; at < gradients.size(); at += apart) {
    const auto row = static_cast<std::int64_t>(at) / width;
    const auto column = static_cast<std::int64_t>(at) % width + first;
    double& x = input_[static_cast<std::size_t>(row * stride() + column)];
    EXPECT_NEAR(gradients[at], difference_quotient(net, weights, x), 2e-8) << at;
  }
}

TEST_P(RlMlp, IsTheSameInSinglePrecisionToItsRounding) {
  Mlp<double> full = network();
  Mlp<float> single(shape(), rows(), members());
  testing::fill_parameters(GetParam(), single);
  const auto input = converted<float>(input_);
  const auto weights = output_weights();
  full.forward(input_.data(), stride(), rows());
  single.forward(input.data(), stride(), rows());
  full.backward(weights.data());
  single.backward(converted<float>(weights).data());
  const std::int64_t each = rows() * shape().output;
  for (std::int64_t member = 0; member < members(); ++member)
    for (std::int64_t i = 0; i < each; ++i)
      ASSERT_NEAR(single.output(member)[i], full.output(member)[i], 1e-5);
  for (std::size_t at = 0; at < full.gradients().size(); ++at)
    ASSERT_NEAR(single.gradients()[at], full.gradients()[at], 2e-4) << "parameter " << at;
}

TEST_P(RlMlp, RepeatsItsBitsAndIgnoresWhatCameBefore) {
  Mlp<double> first = network(), second = network();
  const auto weights = output_weights();
  const auto other = normal_numbers((rows() + 5) * stride(), 9);
  second.forward(other.data(), stride(), rows() + 5);
  for (Mlp<double>* net : {&first, &second}) {
    net->forward(input_.data(), stride(), rows());
    net->backward(weights.data());
  }
  EXPECT_EQ(first.gradients(), second.gradients());
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         RlMlp,
                         ::testing::ValuesIn(testing::mlp_cases()),
                         [](const auto& info) { return info.param.name; });

TEST(RlMlpChecks, RefusesShapesAndSizesBelowOneByName) {
  const auto make = [](MlpShape shape, std::int64_t rows, std::int64_t members) {
    return [=] { Mlp<float>(shape, rows, members); };
  };
  EXPECT_THAT(make({0, {4}, 1}, 1, 1), ThrowsMessage<InvalidInput>(HasSubstr("input")));
  EXPECT_THAT(make({1, {4}, 0}, 1, 1), ThrowsMessage<InvalidInput>(HasSubstr("output")));
  EXPECT_THAT(make({1, {}, 1}, 1, 1), ThrowsMessage<InvalidInput>(HasSubstr("hidden layer")));
  EXPECT_THAT(make({1, {4, 0}, 1}, 1, 1), ThrowsMessage<InvalidInput>(HasSubstr("layer 2")));
  EXPECT_THAT(make({1, {4}, 1}, 0, 1), ThrowsMessage<InvalidInput>(HasSubstr("row")));
  EXPECT_THAT(make({1, {4}, 1}, 1, 0), ThrowsMessage<InvalidInput>(HasSubstr("network")));
}

TEST(RlMlpChecks, RefusesPassesItHasNoRoomForAndColumnsItDoesNotHave) {
  Mlp<float> net({2, {4}, 1}, 3);
  const std::vector<float> input(20), gradient(10);
  EXPECT_THROW(net.forward(input.data(), 2, 4), InvalidInput);
  EXPECT_THROW(net.forward(input.data(), 2, 0), InvalidInput);
  net.forward(input.data(), 2, 3);
  std::vector<float> out(20);
  EXPECT_THROW(net.backward_input(gradient.data(), 1, 3, out.data()), InvalidInput);
  EXPECT_THROW(net.backward_input(gradient.data(), 1, 1, out.data()), InvalidInput);
}

TEST(RlMlpShape, LaysOutWeightThenBiasLayerAfterLayer) {
  const MlpShape shape{17, {256, 128}, 6};
  EXPECT_EQ(shape.weight_offset(0), 0);
  EXPECT_EQ(shape.bias_offset(0), 17 * 256);
  EXPECT_EQ(shape.weight_offset(1), 18 * 256);
  EXPECT_EQ(shape.bias_offset(1), 18 * 256 + 256 * 128);
  EXPECT_EQ(shape.parameter_count(), 18 * 256 + 257 * 128 + 129 * 6);
}

TEST(RlMlpInitial, ParametersAreUniformWithinTheInverseRootOfTheInputs) {
  const MlpShape shape{16, {400}, 25};
  std::vector<double> parameters(static_cast<std::size_t>(shape.parameter_count()));
  Pcg64 random(5);
  initialise_parameters(shape, random, parameters.data());
  for (std::int64_t layer = 0; layer < 2; ++layer) {
    const double bound = 1 / std::sqrt(static_cast<double>(shape.layer_input(layer)));
    const std::int64_t count = (shape.layer_input(layer) + 1) * shape.layer_output(layer);
    double largest = 0, sum = 0, squares = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const double p = parameters[static_cast<std::size_t>(shape.weight_offset(layer) + i)] / bound;
      largest = std::max(largest, std::abs(p)), sum += p, squares += p * p;
    }
    EXPECT_LE(largest, 1);
    EXPECT_GT(largest, 0.99);
    const double n = static_cast<double>(count);
    EXPECT_NEAR(sum / n, 0, 4 * std::sqrt(1 / (3 * n)));  // 4 standard errors: 6e-5 each
    EXPECT_NEAR(squares / n, 1.0 / 3, 4 * std::sqrt(4.0 / 45 / n));
  }
}

class RlMlpSingle : public ::testing::TestWithParam<MlpCase> {};

TEST_P(RlMlpSingle, GivesTheOutputOfThePassOverRows) {
  MlpCase test = GetParam();
  Mlp<double> full(test.shape, 1, test.members);
  Mlp<float> single(test.shape, 1, test.members);
  testing::fill_parameters(test, full);
  testing::fill_parameters(test, single);
  const auto input = normal_numbers(test.shape.input, 4);
  full.forward(input.data(), test.shape.input, 1);
  MlpSingle<double> acting(test.shape, full.parameters().data());
  MlpSingle<float> acting_single(test.shape, single.parameters().data());
  std::vector<double> output(static_cast<std::size_t>(test.shape.output));
  std::vector<float> output_single(output.size());
  acting.evaluate(input.data(), output.data());
  acting_single.evaluate(converted<float>(input).data(), output_single.data());
  for (std::size_t o = 0; o < output.size(); ++o) {
    EXPECT_NEAR(output[o], full.output(0)[o], 1e-12);
    EXPECT_NEAR(output_single[o], full.output(0)[o], 1e-5);
  }
}

TEST_P(RlMlpSingle, TakesOverNewParameters) {
  const MlpShape shape = GetParam().shape;
  const auto first = normal_numbers(shape.parameter_count(), 5);
  const auto second = normal_numbers(shape.parameter_count(), 6);
  const auto input = normal_numbers(shape.input, 4);
  MlpSingle<double> moved(shape, first.data()), fresh(shape, second.data());
  moved.assign(second.data());
  std::vector<double> a(static_cast<std::size_t>(shape.output)), b = a;
  moved.evaluate(input.data(), a.data());
  fresh.evaluate(input.data(), b.data());
  EXPECT_EQ(a, b);
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         RlMlpSingle,
                         ::testing::ValuesIn(testing::mlp_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ergon
