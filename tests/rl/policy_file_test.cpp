#include "ergon/rl/policy_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/files.hpp"
#include "rl/support/sac_problems.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

PolicyDescription example() {
  SacOptions options = small_sac_options();
  options.actor_hidden = {16, 8};
  options.activation = MlpActivation::kElu;
  options.log_stddev_map = LogStddevMap::kTanh;
  options.log_stddev_low = -5;
  PolicyDescription policy = Sac<float>(kObservations, kActions, options, 3).describe_policy();
  policy.environment = "Walker2d-v4";
  policy.steps = 12345;
  policy.seed = 18446744073709551615u;
  policy.model_hash = "00ff";
  policy.action_low = {-0.1, -2};
  policy.action_high = {1.0 / 3.0, 2};
  return policy;
}

TEST(RlPolicyFile, GivesBackAllThatWasWrittenBitForBit) {
  const TemporaryFolder folder;
  const std::string path = folder.file("agent.safetensors");
  const PolicyDescription policy = example();
  save_policy_file(policy, path);
  const PolicyDescription read = load_policy_file(path);
  EXPECT_EQ(read.environment, policy.environment);
  EXPECT_EQ(read.algorithm, "sac");
  EXPECT_EQ(read.steps, policy.steps);
  EXPECT_EQ(read.seed, policy.seed);
  EXPECT_EQ(read.model_hash, policy.model_hash);
  EXPECT_EQ(read.action_low, policy.action_low);
  EXPECT_EQ(read.action_high, policy.action_high);
  EXPECT_EQ(read.shape.input, kObservations);
  EXPECT_EQ(read.shape.hidden, (std::vector<std::int64_t>{16, 8}));
  EXPECT_EQ(read.shape.output, 2 * kActions);
  EXPECT_EQ(read.shape.activation, MlpActivation::kElu);
  EXPECT_EQ(read.log_stddev_map, LogStddevMap::kTanh);
  EXPECT_EQ(read.log_stddev_low, -5);
  EXPECT_EQ(read.log_stddev_high, policy.log_stddev_high);
  EXPECT_EQ(read.parameters, policy.parameters);
}

TEST(RlPolicyFile, LayersHaveTheShapesOfTorchsLinear) {
  const TemporaryFolder folder;
  save_policy_file(example(), folder.file("a"));
  const SafetensorsFile file(folder.file("a"));
  EXPECT_EQ(file.shape("policy.0.weight"), (std::vector<std::int64_t>{16, kObservations}));
  EXPECT_EQ(file.shape("policy.0.bias"), (std::vector<std::int64_t>{16}));
  EXPECT_EQ(file.shape("policy.2.weight"), (std::vector<std::int64_t>{2 * kActions, 8}));
  EXPECT_EQ(file.names().size(), 6u);
}

TEST(RlPolicyFile, WhatIsLoadedActsAsTheAgentDid) {
  const TemporaryFolder folder;
  Sac<float> agent(kObservations, kActions, small_sac_options(), 3);
  save_policy_file(agent.describe_policy(), folder.file("a"));
  const std::unique_ptr<Policy> policy = make_policy(load_policy_file(folder.file("a")));
  const double observation[kObservations] = {0.3, -0.2, 0.9, -1.1};
  for (const ActionMode mode : {ActionMode::kDeterministic, ActionMode::kStochastic}) {
    double expected[kActions], action[kActions];
    Pcg64 random(1), again(1);
    agent.policy().act(observation, mode, random, expected);
    policy->act(observation, mode, again, action);
    EXPECT_EQ(std::vector<double>(action, action + kActions),
              std::vector<double>(expected, expected + kActions));
  }
}

TEST(RlPolicyFile, ADescriptionWhoseSizesDoNotFitIsNotWritten) {
  const TemporaryFolder folder;
  const std::function<void(PolicyDescription&)> changes[] = {
      [](PolicyDescription& p) { p.parameters.pop_back(); },
      [](PolicyDescription& p) { p.action_low.pop_back(); },
      [](PolicyDescription& p) { p.action_high[0] = p.action_low[0]; },
      [](PolicyDescription& p) { p.log_stddev_low = 3; },
      [](PolicyDescription& p) { p.shape.hidden.clear(); }};
  for (const auto& change : changes) {
    PolicyDescription policy = example();
    change(policy);
    EXPECT_THROW(save_policy_file(policy, folder.file("a")), InvalidInput);
    EXPECT_THROW(make_policy(policy), InvalidInput);
  }
  EXPECT_TRUE(folder.names().empty());
}

/// Message of the refusal of a file that `write` filled.
std::string refusal_of(const std::function<void(SafetensorsWriter&)>& write) {
  const TemporaryFolder folder;
  SafetensorsWriter writer;
  write(writer);
  writer.save(folder.file("x"));
  return message_of([&] { load_policy_file(folder.file("x")); });
}

TEST(RlPolicyFile, FilesThatAreNoPoliciesAreRefusedByTheirPath) {
  EXPECT_THAT(refusal_of([](SafetensorsWriter& w) { w.add_word("a", "b"); }),
              AllOf(HasSubstr("/x"), HasSubstr("not a policy of ours")));
  EXPECT_THAT(
      refusal_of([](SafetensorsWriter& w) { w.add_word("policy.format", "ergon policy 9"); }),
      AllOf(HasSubstr("/x"), HasSubstr("ergon policy 9")));
  const TemporaryFolder folder;
  write_file(folder.file("x"), "not a policy");
  EXPECT_THAT(message_of([&] { load_policy_file(folder.file("x")); }), HasSubstr("/x"));
  EXPECT_THAT(message_of([&] { load_policy_file(folder.file("missing")); }), HasSubstr("/missing"));
}

/// The words of a policy without layers, one of them replaced.
void add_words(SafetensorsWriter& writer, const std::string& changed, const std::string& word) {
  const std::vector<std::pair<std::string, std::string>> words = {
      {"policy.format", "ergon policy 1"},
      {"policy.environment", "Pendulum-v1"},
      {"policy.algorithm", "sac"},
      {"policy.steps", "1"},
      {"policy.seed", "0"},
      {"policy.model_hash", ""},
      {"policy.action_low", "[-1]"},
      {"policy.action_high", "[1]"},
      {"policy.activation", "relu"},
      {"policy.log_stddev_map", "clip"},
      {"policy.log_stddev_low", "-20.0"},
      {"policy.log_stddev_high", "2.0"}};
  for (const auto& [key, value] : words) writer.add_word(key, key == changed ? word : value);
}

TEST(RlPolicyFile, WordsAndLayersThatDoNotFitAreRefusedByName) {
  const std::vector<float> numbers(100, 0.5f);
  const auto add_layer = [&](SafetensorsWriter& w, int layer, std::int64_t out, std::int64_t in) {
    w.add(fmt::format("policy.{}.weight", layer), {out, in}, numbers.data());
    w.add(fmt::format("policy.{}.bias", layer), {out}, numbers.data());
  };
  const auto with_word = [&](const char* key, const char* word) {
    return refusal_of([&](SafetensorsWriter& w) {
      add_words(w, key, word);
      add_layer(w, 0, 4, 3);
      add_layer(w, 1, 2, 4);
    });
  };
  for (const auto& [key, word] : {std::pair<const char*, const char*>{"policy.steps", "many"},
                                  {"policy.action_low", "[-1"},
                                  {"policy.action_high", "\"x\""},
                                  {"policy.activation", "cubic"},
                                  {"policy.log_stddev_map", "x"}}) {
    EXPECT_THAT(with_word(key, word), AllOf(HasSubstr("/x"), HasSubstr(key), HasSubstr(word)));
  }
  EXPECT_THAT(with_word("policy.log_stddev_low", "3.0"), HasSubstr("[3, 2]"));
  EXPECT_THAT(with_word("policy.action_low", "[-1, 0]"), HasSubstr("range"));
  EXPECT_THAT(refusal_of([&](SafetensorsWriter& w) {
                add_words(w, "", "");
                add_layer(w, 0, 4, 3);
                add_layer(w, 1, 2, 5);
              }),
              AllOf(HasSubstr("policy.1.weight"), HasSubstr("[2, 5]")));
  EXPECT_THAT(refusal_of([&](SafetensorsWriter& w) {
                add_words(w, "", "");
                add_layer(w, 0, 2, 3);
              }),
              HasSubstr("layers"));
}

}  // namespace
}  // namespace ergon::testing
