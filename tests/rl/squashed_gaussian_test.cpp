#include "ergon/rl/squashed_gaussian.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace ergon {
namespace {

struct GaussianCase {
  std::string name;
  std::int64_t dim, rows;
  LogStddevMap map;
  double low, high;
  double scale;  ///< of means and raw log-deviations
};

std::vector<double> normal_numbers(std::int64_t count, std::uint64_t seed, double scale) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal(0, scale);
  std::vector<double> made(static_cast<std::size_t>(count));
  for (double& number : made) number = normal(bits);
  return made;
}

long double log_stddev_by_definition(const GaussianCase& test, long double raw) {
  const long double low = test.low, high = test.high;
  if (test.map == LogStddevMap::kClip) return std::min(std::max(raw, low), high);
  return low + (high - low) / 2 * (std::tanh(raw) + 1);
}

/// log N(u; mean, sigma^2) - log(1 - tanh(u)^2) of one number, and its action.
struct Draw {
  long double action, log_density;
};
Draw draw_by_definition(const GaussianCase& test, double mean, double raw, double noise) {
  const long double l = log_stddev_by_definition(test, raw);
  const long double u = mean + std::exp(l) * noise, cosh = std::cosh(u);
  const long double log_normal =
      -static_cast<long double>(noise) * noise / 2 - l - std::log(2 * std::acos(-1.0L)) / 2;
  return {std::tanh(u), log_normal + 2 * std::log(cosh)};
}

template <class Real>
SquashedGaussian<Real> gaussian(const GaussianCase& test) {
  return {test.dim, test.map, test.low, test.high};
}

class RlSquashedGaussian : public ::testing::TestWithParam<GaussianCase> {
 protected:
  const GaussianCase& test() const { return GetParam(); }
  std::int64_t count() const { return test().rows * test().dim; }
  std::vector<double> network_ = normal_numbers(2 * count(), 1, test().scale);
  std::vector<double> noise_ = normal_numbers(count(), 2, 1);
};

template <class Real>
void expect_samples_by_definition(const GaussianCase& test,
                                  const std::vector<double>& network,
                                  const std::vector<double>& noise,
                                  double tolerance) {
  const std::vector<Real> net(network.begin(), network.end()), z(noise.begin(), noise.end());
  const std::int64_t stride = test.dim + 5;
  std::vector<Real> actions(static_cast<std::size_t>(test.rows * stride), Real(7));
  std::vector<Real> log_probs(static_cast<std::size_t>(test.rows));
  gaussian<Real>(test).sample(net.data(), z.data(), test.rows, actions.data(), stride,
                              log_probs.data());
  for (std::int64_t row = 0; row < test.rows; ++row) {
    long double sum = 0, size = 1;
    for (std::int64_t i = 0; i < stride; ++i) {
      const auto at = static_cast<std::size_t>(row * stride + i);
      if (i >= test.dim) {
        ASSERT_EQ(actions[at], Real(7)) << "written between the rows";
        continue;
      }
      const Real* of_row = net.data() + row * 2 * test.dim;
      const Draw expected = draw_by_definition(test, of_row[i], of_row[test.dim + i],
                                               z[static_cast<std::size_t>(row * test.dim + i)]);
      sum += expected.log_density, size += std::abs(expected.log_density);
      ASSERT_NEAR(actions[at], expected.action, tolerance) << row << ", " << i;
    }
    ASSERT_NEAR(log_probs[static_cast<std::size_t>(row)], sum, tolerance * size) << row;
  }
}

TEST_P(RlSquashedGaussian, SamplesAndTheirLogDensitiesAreByDefinition) {
  expect_samples_by_definition<double>(test(), network_, noise_, 4e-15 * test().scale * 10);
}

TEST_P(RlSquashedGaussian, InSinglePrecisionTheyAreToItsRounding) {
  expect_samples_by_definition<float>(test(), network_, noise_, 1e-6 * test().scale * 10);
}

TEST_P(RlSquashedGaussian, GradientsAreDifferenceQuotientsOfDefinitions) {
  const auto c = normal_numbers(test().rows, 3, 1), g = normal_numbers(count(), 4, 1);
  std::vector<double> gradients(network_.size());
  gaussian<double>(test()).pull_back(network_.data(), noise_.data(), test().rows, c.data(),
                                     g.data(), gradients.data());
  const std::size_t apart = network_.size() / 400 + 1;
  for (std::size_t at = 0; at < network_.size(); at += apart) {
    const auto row = static_cast<std::int64_t>(at) / (2 * test().dim);
    const auto i = static_cast<std::int64_t>(at) % test().dim;
    const auto first = static_cast<std::size_t>(row * 2 * test().dim + i);
    const auto number = static_cast<std::size_t>(row * test().dim + i);
    const auto value = [&](double moved) -> long double {
      double mean = network_[first], raw = network_[first + static_cast<std::size_t>(test().dim)];
      (first == at ? mean : raw) += moved;
      const Draw d = draw_by_definition(test(), mean, raw, noise_[number]);
      return c[static_cast<std::size_t>(row)] * d.log_density + g[number] * d.action;
    };
    const auto expected = static_cast<double>((value(1e-6) - value(-1e-6)) / 2e-6L);
    EXPECT_NEAR(gradients[at], expected, 1e-7 * (1 + std::abs(expected))) << at;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases,
    RlSquashedGaussian,
    ::testing::Values(GaussianCase{"Walker", 6, 100, LogStddevMap::kClip, -20, 2, 1},
                      GaussianCase{"OneNumber", 1, 1, LogStddevMap::kClip, -20, 2, 1},
                      GaussianCase{"WiderThanABlock", 300, 3, LogStddevMap::kTanh, -5, 2, 1},
                      GaussianCase{"Tanh", 3, 41, LogStddevMap::kTanh, -5, 2, 1},
                      GaussianCase{"OftenClipped", 6, 50, LogStddevMap::kClip, -0.5, 0.5, 2},
                      GaussianCase{"Saturated", 2, 64, LogStddevMap::kClip, -5, 1, 10}),
    [](const auto& info) { return info.param.name; });

TEST(RlSquashedGaussianLimits, FarSaturatedActionsHaveFiniteLogDensitiesAndGradients) {
  const SquashedGaussian<float> policy{2};
  const std::vector<float> network = {60.0F, -60.0F, -1.0F, -1.0F}, noise = {0.5F, 0.5F};
  std::vector<float> action(2), log_prob(1), gradients(4);
  policy.sample(network.data(), noise.data(), 1, action.data(), 2, log_prob.data());
  EXPECT_EQ(action[0], 1.0F);
  EXPECT_EQ(action[1], -1.0F);
  const GaussianCase test{"", 2, 1, LogStddevMap::kClip, -20, 2, 1};
  EXPECT_NEAR(log_prob[0],
              draw_by_definition(test, 60, -1, 0.5).log_density +
                  draw_by_definition(test, -60, -1, 0.5).log_density,
              1e-4);
  const float weight = 1.0F;
  const std::vector<float> of_actions = {3.0F, 3.0F};
  policy.pull_back(network.data(), noise.data(), 1, &weight, of_actions.data(), gradients.data());
  EXPECT_FLOAT_EQ(gradients[0], 2.0F);  // d log pi / du = 2 tanh(u); the action no longer moves
  EXPECT_FLOAT_EQ(gradients[1], -2.0F);
}

TEST(RlSquashedGaussianLimits, BeyondTheClippedRangeTheRawDeviationHasNoGradient) {
  const SquashedGaussian<double> policy{3, LogStddevMap::kClip, -2, 1};
  const std::vector<double> network = {0.1, 0.2, 0.3, -2.1, 0.5, 1.1}, noise = {0.4, 0.5, 0.6};
  const std::vector<double> of_actions = {1, 1, 1};
  const double weight = 1;
  std::vector<double> gradients(6);
  policy.pull_back(network.data(), noise.data(), 1, &weight, of_actions.data(), gradients.data());
  EXPECT_EQ(gradients[3], 0);
  EXPECT_NE(gradients[4], 0);
  EXPECT_EQ(gradients[5], 0);
}

TEST(RlSquashedGaussianLimits, NotANumberOfTheNetworkReachesActionOrDensity) {
  for (const int bad : {0, 1}) {
    const SquashedGaussian<float> policy{1};
    std::vector<float> network = {0.1F, 0.2F};
    network[static_cast<std::size_t>(bad)] = std::nanf("511");  // one whose low bits are set
    const float noise = 0.3F, weight = 1, of_action = 1;
    float action = 0, log_prob = 0, gradients[2] = {};
    policy.sample(network.data(), &noise, 1, &action, 1, &log_prob);
    EXPECT_TRUE(std::isnan(action)) << bad;
    EXPECT_TRUE(std::isnan(log_prob)) << bad;
    policy.pull_back(network.data(), &noise, 1, &weight, &of_action, gradients);
    EXPECT_TRUE(std::isnan(gradients[0])) << bad;
  }
}

TEST(RlSquashedGaussianActing, OneStatesActionIsThatOfASampleAndWithoutNoiseOfTheMean) {
  for (const LogStddevMap map : {LogStddevMap::kClip, LogStddevMap::kTanh}) {
    const SquashedGaussian<double> policy{4, map, -5, 2};
    const auto network = normal_numbers(8, 1, 1), noise = normal_numbers(4, 2, 1);
    std::vector<double> sampled(4), acted(4), middle(4);
    double log_prob = 0;
    policy.sample(network.data(), noise.data(), 1, sampled.data(), 4, &log_prob);
    policy.act(network.data(), noise.data(), acted.data());
    policy.act(network.data(), nullptr, middle.data());
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(acted[i], sampled[i], 1e-15);
      EXPECT_EQ(middle[i], std::tanh(network[i]));
    }
  }
}

}  // namespace
}  // namespace ergon
