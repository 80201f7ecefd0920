#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "ergon/core/random.hpp"
#include "ergon/rl/squashed_gaussian.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

struct OracleCase {
  std::string name;
  SquashedGaussian<double> policy;
  std::int64_t rows;
  double scale;  ///< of means and raw log-deviations
};

std::vector<OracleCase> oracle_cases() {
  const auto clip = LogStddevMap::kClip, tanh = LogStddevMap::kTanh;
  return {{"Walker", {6, clip, -20, 2}, 256, 1},   {"Pendulum", {1, clip, -20, 2}, 100, 1},
          {"Tanh", {3, tanh, -5, 2}, 64, 1},       {"OftenClipped", {4, clip, -0.5, 0.5}, 50, 2},
          {"Saturated", {2, clip, -5, 1}, 64, 15}, {"SaturatedTanh", {2, tanh, -5, 2}, 64, 15}};
}

struct Sample {
  Tensor actions;    ///< (rows, d)
  Tensor log_probs;  ///< (rows)
};

Sample sample_by_autograd(const OracleCase& test, const Tensor& network, const Tensor& noise) {
  const SquashedGaussian<double>& p = test.policy;
  const Tensor mean = network.narrow(1, 0, p.dim), raw = network.narrow(1, p.dim, p.dim);
  const Tensor log_stddev =
      p.map == LogStddevMap::kClip
          ? at::clamp(raw, p.log_stddev_low, p.log_stddev_high)
          : p.log_stddev_low + (p.log_stddev_high - p.log_stddev_low) / 2 * (at::tanh(raw) + 1);
  const Tensor u = mean + at::exp(log_stddev) * noise;
  const Tensor normal = -noise * noise / 2 - log_stddev - std::log(2 * std::acos(-1.0)) / 2;
  // Without a threshold: beyond 20, softplus would be its argument, 2e-9 off.
  const Tensor softplus = at::softplus(-2 * u, 1, 1e6);
  return {at::tanh(u), (normal - 2 * (std::log(2.0) - u - softplus)).sum(1)};
}

/// Largest |a - b| / (1 + |b|).
double difference(const Tensor& a, const Tensor& b) {
  return ((a - b).abs() / (1 + b.abs())).max().item<double>();
}

class RlAutogradSquashedGaussian : public ::testing::TestWithParam<OracleCase> {};

TEST_P(RlAutogradSquashedGaussian, DensitiesActionsAndGradientsAreAutograds) {
  const OracleCase& test = GetParam();
  const std::int64_t rows = test.rows, dim = test.policy.dim;
  Generator generator = Seed(1).generator();
  const auto normal = [&](at::IntArrayRef shape) {
    return draw::normal_like(at::empty(shape, at::kDouble), generator);
  };
  const Tensor network = (normal({rows, 2 * dim}) * test.scale).requires_grad_();
  const Tensor noise = normal({rows, dim}), weights = normal({rows}),
               upstream = normal({rows, dim});
  const Sample expected = sample_by_autograd(test, network, noise);
  const Tensor loss = (weights * expected.log_probs).sum() + (upstream * expected.actions).sum();
  const Tensor expected_gradient = torch::autograd::grad({loss}, {network})[0];

  Tensor actions = at::empty({rows, dim}, at::kDouble), log_probs = at::empty({rows}, at::kDouble);
  Tensor gradient = at::empty({rows, 2 * dim}, at::kDouble);
  test.policy.sample(network.data_ptr<double>(), noise.data_ptr<double>(), rows,
                     actions.data_ptr<double>(), dim, log_probs.data_ptr<double>());
  test.policy.pull_back(network.data_ptr<double>(), noise.data_ptr<double>(), rows,
                        weights.data_ptr<double>(), upstream.data_ptr<double>(),
                        gradient.data_ptr<double>());

  const double most = tolerance<double>();
  EXPECT_LT(difference(actions, expected.actions.detach()), most);
  EXPECT_LT(difference(log_probs, expected.log_probs.detach()), most);
  EXPECT_LT(difference(gradient, expected_gradient), most);
}

INSTANTIATE_TEST_SUITE_P(Cases,
                         RlAutogradSquashedGaussian,
                         ::testing::ValuesIn(oracle_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ergon::testing
