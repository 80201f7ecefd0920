#include "ergon/rl/autograd/policy_script.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "core/temporary_folder.hpp"
#include "ergon/core/errors.hpp"
#include "rl/support/policy_examples.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon {
namespace {

using testing::acted;
using testing::case_name;
using testing::example_policy;
using testing::expect_close;
using ::testing::HasSubstr;
using testing::observations_for;
using testing::policy_cases;
using testing::PolicyCase;
using testing::TemporaryFolder;
using testing::tolerance;

at::Tensor row_of(const std::vector<double>& numbers) { return at::tensor(numbers, at::kDouble); }

/// All observations, (n x observation_dim).
at::Tensor observations_of(const PolicyDescription& policy) {
  std::vector<at::Tensor> rows;
  for (const auto& one : observations_for(policy)) rows.push_back(row_of(one));
  return at::stack(rows);
}

/// What ours does at each of them, (n x action_dim); `noise`, when stochastic, is what
/// Pcg64(row) draws.
at::Tensor our_actions(const PolicyDescription& policy, ActionMode mode) {
  const std::unique_ptr<Policy> ours = make_policy(policy);
  std::vector<at::Tensor> rows;
  for (const auto& one : observations_for(policy)) {
    Pcg64 random(rows.size());
    rows.push_back(row_of(acted(*ours, policy, one, mode, random)));
  }
  return at::stack(rows);
}

at::Tensor our_noise(std::int64_t rows, std::int64_t actions) {
  at::Tensor noise = at::empty({rows, actions}, at::kDouble);
  for (std::int64_t row = 0; row < rows; ++row) {
    Pcg64 random(static_cast<std::uint64_t>(row));
    for (std::int64_t i = 0; i < actions; ++i) noise[row][i] = random.normal();
  }
  return noise;
}

torch::jit::Module written(const PolicyDescription& policy) {
  const TemporaryFolder folder;
  export_policy_script(policy, folder.file("policy.pt"));
  return torch::jit::load(folder.file("policy.pt"));
}

class RlAutogradPolicyScript : public ::testing::TestWithParam<PolicyCase> {
  const at::NoGradGuard no_graph_;
};

TEST_P(RlAutogradPolicyScript, ActsAsThePolicyDoesInTheEnvironmentsRange) {
  const PolicyDescription policy = example_policy(GetParam());
  torch::jit::Module module = written(policy);
  const at::Tensor observations = observations_of(policy);
  expect_close(module.forward({observations}).toTensor().to(at::kDouble),
               our_actions(policy, ActionMode::kDeterministic), tolerance<float>(), "action");
  const at::Tensor noise = our_noise(observations.size(0), policy.action_dim());
  expect_close(module.get_method("sample")({observations, noise}).toTensor().to(at::kDouble),
               our_actions(policy, ActionMode::kStochastic), tolerance<float>(), "drawn action");
}

TEST_P(RlAutogradPolicyScript, GivesTheGaussianBeforeTheTanh) {
  const PolicyDescription policy = example_policy(GetParam());
  torch::jit::Module module = written(policy);
  for (const auto& observation : observations_for(policy)) {
    const std::vector<float> output = testing::network_output(policy, observation);
    const at::Tensor expected = at::tensor(output).view({2, policy.action_dim()});
    const auto pair = module.get_method("distribution")({row_of(observation)}).toTuple();
    const double low = policy.log_stddev_low, high = policy.log_stddev_high;
    expect_close(pair->elements()[0].toTensor(), expected[0], tolerance<float>(), "mean");
    expect_close(pair->elements()[1].toTensor(),
                 policy.log_stddev_map == LogStddevMap::kClip
                     ? expected[1].clamp(low, high)
                     : low + (high - low) / 2 * (expected[1].tanh() + 1),
                 10 * tolerance<float>(), "log standard deviation");
  }
}

TEST_P(RlAutogradPolicyScript, TakesAnyLeadingSizes) {
  const PolicyDescription policy = example_policy(GetParam());
  torch::jit::Module module = written(policy);
  const at::Tensor observations = observations_of(policy).slice(0, 0, 24);
  const at::Tensor rows = module.forward({observations}).toTensor();
  const at::Tensor blocks = module.forward({observations.view({2, 3, 4, -1})}).toTensor();
  EXPECT_EQ(blocks.sizes(), (std::vector<std::int64_t>{2, 3, 4, policy.action_dim()}));
  expect_close(blocks.view({24, -1}), rows, tolerance<float>(), "blocks");
  expect_close(module.forward({observations[5]}).toTensor(), rows[5], tolerance<float>(), "one");
  EXPECT_EQ(module.forward({observations.slice(0, 0, 0)}).toTensor().sizes(),
            (std::vector<std::int64_t>{0, policy.action_dim()}));
}

INSTANTIATE_TEST_SUITE_P(Policies,
                         RlAutogradPolicyScript,
                         ::testing::ValuesIn(policy_cases()),
                         case_name);

TEST(RlAutogradPolicyScriptFile, SaysWhereThePolicyComesFrom) {
  const torch::jit::Module module = written(example_policy(policy_cases()[0]));
  EXPECT_EQ(module.attr("environment").toStringRef(), "Hopper-v4");
  EXPECT_EQ(module.attr("algorithm").toStringRef(), "sac");
  EXPECT_EQ(module.attr("model_hash").toStringRef(), "00ff");
  EXPECT_EQ(module.attr("seed").toStringRef(), "1");
  EXPECT_EQ(module.attr("steps").toInt(), 12345);
  EXPECT_EQ(module.attr("observation_dim").toInt(), 5);
  EXPECT_EQ(module.attr("action_dim").toInt(), 3);
}

TEST(RlAutogradPolicyScriptFile, MovesToDoublePrecision) {
  const PolicyDescription policy = example_policy(policy_cases()[1]);
  torch::jit::Module module = written(policy);
  module.to(at::kDouble);
  const at::Tensor action = module.forward({observations_of(policy)}).toTensor().detach();
  EXPECT_EQ(action.scalar_type(), at::kDouble);
  expect_close(action, our_actions(policy, ActionMode::kDeterministic), tolerance<float>(),
               "action");
}

TEST(RlAutogradPolicyScriptFile, WithoutARangeActionsAreBetweenMinusOneAndOne) {
  PolicyDescription policy = example_policy(policy_cases()[0]);
  policy.action_low.clear();
  policy.action_high.clear();
  const at::Tensor actions = written(policy).forward({observations_of(policy)}).toTensor();
  expect_close(actions.detach().to(at::kDouble), our_actions(policy, ActionMode::kDeterministic),
               tolerance<float>(), "action");
}

TEST(RlAutogradPolicyScriptFile, SizesThatDoNotFitAreRefusedAndNothingIsWritten) {
  PolicyDescription policy = example_policy(policy_cases()[0]);
  policy.parameters.pop_back();
  const TemporaryFolder folder;
  try {
    export_policy_script(policy, folder.file("policy.pt"));
    FAIL() << "was not refused";
  } catch (const InvalidInput& error) {
    EXPECT_THAT(error.what(), HasSubstr("parameters"));
  }
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace ergon
