#include "ergon/rl/autograd/sac_oracle.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

constexpr std::int64_t kRows = 12, kObservations = 5, kActions = 3;

struct Sizes {
  std::int64_t rows = kRows, observations = kObservations, actions = kActions;
};

SacOptions small_options() {
  SacOptions options;
  options.actor_hidden = {16, 16};
  options.critic_hidden = {16, 16};
  options.batch = kRows;
  options.actor_learning_rate = 3e-3;
  options.critic_learning_rate = 2e-3;
  options.temperature_learning_rate = 1e-2;
  options.target_rate = 0.05;
  return options;
}

template <class Real>
void fill_normals(std::vector<Real>& numbers, std::int64_t count, Pcg64& random) {
  numbers.resize(static_cast<std::size_t>(count));
  for (Real& number : numbers) number = static_cast<Real>(random.normal());
}

/// Random transitions, every fourth of them terminated.
template <class Real>
Batch<Real> random_batch(const Sizes& sizes, Pcg64& random) {
  Batch<Real> batch;
  batch.resize(sizes.rows, sizes.observations, sizes.actions);
  fill_normals(batch.input, sizes.rows * batch.stride(), random);
  fill_normals(batch.next_input, sizes.rows * batch.stride(), random);
  fill_normals(batch.reward, sizes.rows, random);
  for (std::int64_t r = 0; r < sizes.rows; ++r) {
    batch.continues[static_cast<std::size_t>(r)] = r % 4 == 0 ? Real(0) : Real(1);
    for (std::int64_t i = sizes.observations; i < batch.stride(); ++i) {
      Real& action = batch.input[static_cast<std::size_t>(r * batch.stride() + i)];
      action = std::tanh(action);
    }
  }
  return batch;
}

template <class Real>
typename Sac<Real>::Noise random_noise(const Sizes& sizes, std::size_t actor_steps, Pcg64& random) {
  typename Sac<Real>::Noise noise;
  fill_normals(noise.next, sizes.rows * sizes.actions, random);
  noise.actor.resize(actor_steps);
  for (auto& normals : noise.actor) fill_normals(normals, sizes.rows * sizes.actions, random);
  return noise;
}

template <class Real>
Tensor tensor_of(const std::vector<Real>& numbers) {
  return at::tensor(at::ArrayRef<Real>(numbers)).to(at::kDouble);
}

/// An oracle in float64 with the agent's networks.
template <class Real>
AutogradSac oracle_of(const Sac<Real>& agent) {
  AutogradSac oracle(agent.observation_dim(), agent.action_dim(), agent.options(), at::kDouble);
  oracle.set_parameters(tensor_of(agent.actor_parameters()), tensor_of(agent.critic_parameters()),
                        tensor_of(agent.target_parameters()));
  return oracle;
}

void expect_same_info(const UpdateInfo& info, const UpdateInfo& expected, double relative) {
  ASSERT_EQ(info.size(), expected.size());
  for (std::size_t i = 0; i < info.size(); ++i) {
    EXPECT_EQ(info[i].first, expected[i].first);
    EXPECT_NEAR(info[i].second, expected[i].second,
                relative * std::max(1.0, std::abs(expected[i].second)))
        << info[i].first;
  }
}

/// Some updates by both, on the same transitions with the same noise, compared after each.
void expect_same_learning(const SacOptions& options, std::int64_t updates) {
  Sac<double> agent(kObservations, kActions, options, 3);
  AutogradSac oracle = oracle_of(agent);
  Pcg64 random = Pcg64::stream(4, "test");
  const double relative = tolerance<double>();
  for (std::int64_t update = 1; update <= updates; ++update) {
    SCOPED_TRACE(fmt::format("update {}", update));
    Batch<double> batch = random_batch<double>({}, random);
    const bool actor_is_due = update % options.policy_delay == 0;
    const auto noise = random_noise<double>(
        {}, actor_is_due ? static_cast<std::size_t>(options.policy_delay) : 0, random);
    oracle.update_on(batch, noise);
    agent.update_on(batch, noise);
    expect_close(tensor_of(agent.actor_parameters()), oracle.actor(), relative, "actor");
    expect_close(tensor_of(agent.critic_parameters()), oracle.critics(), relative, "critics");
    expect_close(tensor_of(agent.target_parameters()), oracle.targets(), relative, "targets");
    expect_same_info(agent.update_info(), oracle.update_info(), relative);
  }
}

TEST(RlAutogradSac, LearnsAsTheHandWrittenPassesUnderEveryRuleOfTheTemperature) {
  SacOptions options = small_options();
  options.temperature = TemperatureRule::kFixed;
  options.initial_temperature = 0.2;
  expect_same_learning(options, 6);
  options.temperature = TemperatureRule::kLearned;
  for (const auto& loss : EnumNames<TemperatureLoss>::all()) {
    SCOPED_TRACE(loss.name);
    options.temperature_loss = loss.value;
    options.target_entropy.reset();
    expect_same_learning(options, 6);
    options.target_entropy = -0.5;
    expect_same_learning(options, 6);
  }
}

TEST(RlAutogradSac, LearnsAsTheHandWrittenPassesWithEveryMapOfLogDeviations) {
  SacOptions options = small_options();
  for (const auto& map : EnumNames<LogStddevMap>::all()) {
    SCOPED_TRACE(map.name);
    options.log_stddev_map = map.value;
    options.log_stddev_low = -0.1;  // narrow: the raw outputs of some rows are outside
    options.log_stddev_high = 0.1;
    expect_same_learning(options, 6);
    options.log_stddev_low = -5;
    options.log_stddev_high = 2;
    expect_same_learning(options, 6);
  }
}

TEST(RlAutogradSac, LearnsAsTheHandWrittenPassesWithADelayedActorAndEveryActivation) {
  SacOptions options = small_options();
  options.policy_delay = 2;
  options.actor_hidden = {24, 16, 8};
  for (const auto& activation : EnumNames<MlpActivation>::all()) {
    SCOPED_TRACE(activation.name);
    options.activation = activation.value;
    expect_same_learning(options, 6);
  }
}

TEST(RlAutogradSac, TheFloat32AgentOfTheUsualSizeFollowsTheOracleInFloat64) {
  SacOptions options;
  const Sizes sizes{options.batch, 17, 6};
  Sac<float> agent(sizes.observations, sizes.actions, options, 3);
  AutogradSac oracle = oracle_of(agent);
  Pcg64 random = Pcg64::stream(4, "test");
  for (int update = 0; update < 4; ++update) {
    Batch<float> batch = random_batch<float>(sizes, random);
    const auto noise = random_noise<float>(sizes, 1, random);
    oracle.update_on(batch, noise);
    agent.update_on(batch, noise);
    // Ten roundings' worth: sums of 256 terms through three layers.
    expect_same_info(agent.update_info(), oracle.update_info(), 10 * tolerance<float>());
  }
  // Adam divides gradients by their size, so that those near 0 keep only their sign, if that: what
  // must agree is the mean movement, of which the rates are the measure.
  const auto mean_difference = [](const Tensor& one, const Tensor& other) {
    return (one - other).abs().mean().item<double>();
  };
  EXPECT_LT(mean_difference(tensor_of(agent.actor_parameters()), oracle.actor()),
            1e-3 * options.actor_learning_rate);
  EXPECT_LT(mean_difference(tensor_of(agent.critic_parameters()), oracle.critics()),
            1e-3 * options.critic_learning_rate);
}

TEST(RlAutogradSac, RefusesParametersOfAnotherNetwork) {
  AutogradSac oracle(kObservations, kActions, small_options(), at::kDouble);
  EXPECT_THROW(oracle.set_parameters(at::zeros({7}), oracle.critics(), oracle.targets()),
               InvalidInput);
  EXPECT_THROW(oracle.set_parameters(oracle.actor(), oracle.critics(), at::zeros({7})),
               InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
