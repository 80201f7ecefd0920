#include "ergon/rl/adam.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <random>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<double> numbers(std::size_t count, std::uint64_t seed, double scale) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal(0, scale);
  std::vector<double> made(count);
  for (double& number : made) number = normal(bits);
  return made;
}

/// Algorithm 1 of Kingma & Ba, line by line, for one parameter.
class AdamByDefinition {
 public:
  AdamByDefinition(const AdamOptions& options, long double start) : o_(options), theta_(start) {}
  void step(long double g) {
    ++t_;
    m_ = o_.beta1 * m_ + (1 - o_.beta1) * g;
    v_ = o_.beta2 * v_ + (1 - o_.beta2) * g * g;
    const long double m_hat = m_ / (1 - std::pow(static_cast<long double>(o_.beta1), t_));
    const long double v_hat = v_ / (1 - std::pow(static_cast<long double>(o_.beta2), t_));
    theta_ -= o_.learning_rate * m_hat / (std::sqrt(v_hat) + o_.epsilon);
  }
  double parameter() const { return static_cast<double>(theta_); }

 private:
  AdamOptions o_;
  long double theta_, m_ = 0, v_ = 0;
  int t_ = 0;
};

class RlAdam : public ::testing::TestWithParam<std::size_t> {};

TEST_P(RlAdam, FollowsAlgorithmOneForFiftySteps) {
  const AdamOptions options{3e-3, 0.9, 0.999, 1e-8};
  auto parameters = numbers(GetParam(), 1, 1);
  std::vector<float> single(parameters.begin(), parameters.end());
  std::vector<AdamByDefinition> expected;
  for (const double p : parameters) expected.emplace_back(options, p);
  Adam<double> adam(static_cast<std::int64_t>(parameters.size()), options);
  Adam<float> adam_single(static_cast<std::int64_t>(parameters.size()), options);
  for (std::uint64_t step = 0; step < 50; ++step) {
    const auto gradients = numbers(GetParam(), 10 + step, std::pow(10.0, step % 5) * 1e-4);
    const std::vector<float> gradients_single(gradients.begin(), gradients.end());
    adam.step(gradients.data(), parameters.data());
    adam_single.step(gradients_single.data(), single.data());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      expected[i].step(gradients[i]);
      ASSERT_NEAR(parameters[i], expected[i].parameter(), 1e-14) << i << " at step " << step;
      ASSERT_NEAR(single[i], expected[i].parameter(), 2e-5) << i << " at step " << step;
    }
  }
  EXPECT_EQ(adam.steps(), 50);
}

INSTANTIATE_TEST_SUITE_P(Counts, RlAdam, ::testing::Values(1, 7, 16, 37, 1003));

TEST(RlAdamSteps, TheFirstStepIsTheLearningRateAgainstTheGradient) {
  Adam<double> adam(2, {0.01, 0.9, 0.999, 1e-8});
  std::vector<double> parameters = {1.0, 2.0};
  const std::vector<double> gradients = {5.0, -0.3};
  adam.step(gradients.data(), parameters.data());
  EXPECT_NEAR(parameters[0], 0.99, 1e-9);
  EXPECT_NEAR(parameters[1], 2.01, 1e-9);
}

TEST(RlAdamSteps, MomentsAndStepsAreAllThatASecondOneNeedsToGoOnBitForBit) {
  Adam<float> first(19, {}), second(19, {});
  std::vector<float> a(19, 0.5F), b;
  const auto step = [](Adam<float>& adam, std::vector<float>& parameters, std::uint64_t seed) {
    const auto drawn = numbers(19, seed, 1);
    const std::vector<float> gradients(drawn.begin(), drawn.end());
    adam.step(gradients.data(), parameters.data());
  };
  for (std::uint64_t seed = 0; seed < 5; ++seed) step(first, a, seed);
  second.first_moments() = first.first_moments();
  second.second_moments() = first.second_moments();
  second.steps() = first.steps();
  b = a;
  for (std::uint64_t seed = 5; seed < 10; ++seed) step(first, a, seed), step(second, b, seed);
  EXPECT_EQ(a, b);
}

TEST(RlAdamSteps, ANotANumberStaysOneInItsParameterAlone) {
  Adam<float> adam(20, {});
  std::vector<float> parameters(20, 1.0F), gradients(20, 0.1F);
  gradients[3] = std::numeric_limits<float>::quiet_NaN();
  adam.step(gradients.data(), parameters.data());
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(std::isnan(parameters[i]), i == 3) << i;
}

TEST(RlAdamSteps, RefusesOptionsOutsideTheirRangeByName) {
  const auto make = [](std::int64_t count, AdamOptions options) {
    return [=] { Adam<float>(count, options); };
  };
  EXPECT_THAT(make(0, {}), ThrowsMessage<InvalidInput>(HasSubstr("parameter")));
  EXPECT_THAT(make(1, {0.0, 0.9, 0.999, 1e-8}),
              ThrowsMessage<InvalidInput>(HasSubstr("learning rate")));
  EXPECT_THAT(make(1, {1e-3, 1.0, 0.999, 1e-8}), ThrowsMessage<InvalidInput>(HasSubstr("beta1")));
  EXPECT_THAT(make(1, {1e-3, 0.9, -0.1, 1e-8}), ThrowsMessage<InvalidInput>(HasSubstr("beta2")));
  EXPECT_THAT(make(1, {1e-3, 0.9, 0.999, 0.0}), ThrowsMessage<InvalidInput>(HasSubstr("epsilon")));
}

TEST(RlMoveTowards, GoesTheShareOfTheWayNumberByNumber) {
  const auto source = numbers(37, 1, 1), before = numbers(37, 2, 1);
  auto target = before;
  move_towards(source.data(), 0.005, 37, target.data());
  for (std::size_t i = 0; i < 37; ++i)
    EXPECT_NEAR(target[i], 0.995 * before[i] + 0.005 * source[i], 1e-15);
  move_towards(source.data(), 1.0, 37, target.data());
  for (std::size_t i = 0; i < 37; ++i) EXPECT_NEAR(target[i], source[i], 1e-15);
}

}  // namespace
}  // namespace ergon
