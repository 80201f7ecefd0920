#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/errors.hpp"
#include "rl/support/sac_problems.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Real>
void save(const Sac<Real>& agent, const std::string& path) {
  SafetensorsWriter file;
  agent.save(file);
  file.save(path);
}

template <class Real>
void expect_same_bits(const Sac<Real>& one, const Sac<Real>& other) {
  EXPECT_EQ(one.actor_parameters(), other.actor_parameters());
  EXPECT_EQ(one.critic_parameters(), other.critic_parameters());
  EXPECT_EQ(one.target_parameters(), other.target_parameters());
  EXPECT_EQ(one.temperature(), other.temperature());
  EXPECT_EQ(one.updates(), other.updates());
  EXPECT_EQ(one.update_info(), other.update_info());
}

/// 13 updates, a file, 20 more; and 33 by one that never stopped.
template <class Real>
void expect_exact_resume(const SacOptions& options) {
  const TemporaryFolder folder;
  const Replay replay = random_replay(60, 4);
  Sac<Real> straight(kObservations, kActions, options, 1);
  Pcg64 random(2);
  for (int i = 0; i < 13; ++i) straight.update(replay, random);
  save(straight, folder.file("checkpoint"));
  Sac<Real> resumed(kObservations, kActions, options, 99);
  Pcg64 elsewhere(7);
  for (int i = 0; i < 3; ++i) resumed.update(replay, elsewhere);  // leaves no trace
  resumed.load(SafetensorsFile(folder.file("checkpoint"), true));
  expect_same_bits(resumed, straight);
  Pcg64 again(0);
  again.set_state(random.state());
  for (int i = 0; i < 20; ++i) {
    straight.update(replay, random);
    resumed.update(replay, again);
  }
  expect_same_bits(resumed, straight);
  double expected[kActions], action[kActions];
  const double observation[kObservations] = {0.3, -0.2, 0.9, -1.1};
  straight.policy().act(observation, ActionMode::kStochastic, random, expected);
  resumed.policy().act(observation, ActionMode::kStochastic, again, action);
  EXPECT_EQ(action[0], expected[0]);
}

TEST(RlSacFile, ALoadedAgentLearnsOnWithTheSameBits) {
  SacOptions options = small_sac_options();
  expect_exact_resume<float>(options);
  expect_exact_resume<double>(options);
  options.policy_delay = 2;
  options.temperature_loss = TemperatureLoss::kTemperature;
  expect_exact_resume<float>(options);
  options.temperature = TemperatureRule::kFixed;
  options.initial_temperature = 0.2;
  expect_exact_resume<float>(options);
}

TEST(RlSacFile, ATemperatureThatNoUpdateHasMovedYetIsTheSameAfterwards) {
  const TemporaryFolder folder;
  SacOptions options = small_sac_options();
  for (const auto rule : {TemperatureRule::kLearned, TemperatureRule::kFixed}) {
    options.temperature = rule;
    options.initial_temperature = 0.1;  // exp(log(0.1)) is not 0.1
    Sac<float> saved(kObservations, kActions, options, 1);
    save(saved, folder.file("a"));
    Sac<float> other(kObservations, kActions, options, 2);
    other.load(SafetensorsFile(folder.file("a")));
    expect_same_bits(other, saved);
  }
}

TEST(RlSacFile, AnAgentThatHasActedActsAsTheLoadedOneAfterwards) {
  const TemporaryFolder folder;
  Sac<float> saved(kObservations, kActions, small_sac_options(), 1);
  Sac<float> other(kObservations, kActions, small_sac_options(), 2);
  save(saved, folder.file("a"));
  const double observation[kObservations] = {0.3, -0.2, 0.9, -1.1};
  double expected[kActions], action[kActions];
  Pcg64 random(1);
  saved.policy().act(observation, ActionMode::kDeterministic, random, expected);
  other.policy().act(observation, ActionMode::kDeterministic, random, action);
  EXPECT_NE(action[0], expected[0]);
  other.load(SafetensorsFile(folder.file("a")));
  other.policy().act(observation, ActionMode::kDeterministic, random, action);
  EXPECT_EQ(action[0], expected[0]);
}

TEST(RlSacFile, ACheckpointOfOtherOptionsIsRefusedByTheFirstThatDiffers) {
  const TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  SacOptions options = small_sac_options();
  save(Sac<float>(kObservations, kActions, options, 1), path);
  const SafetensorsFile file(path);
  options.discount = 0.5;
  Sac<float> other(kObservations, kActions, options, 1);
  const std::vector<float> before = other.actor_parameters();
  EXPECT_THAT(message_of([&] { other.load(file); }),
              AllOf(HasSubstr(path), HasSubstr("discount"), HasSubstr("0.99"), HasSubstr("0.5")));
  EXPECT_EQ(other.actor_parameters(), before);
}

TEST(RlSacFile, ACheckpointOfOtherSizesOrNumbersIsRefusedByItsPath) {
  const TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  save(Sac<float>(kObservations, kActions, small_sac_options(), 1), path);
  const SafetensorsFile file(path);
  Sac<float> wider(kObservations + 1, kActions, small_sac_options(), 1);
  EXPECT_THAT(message_of([&] { wider.load(file); }), HasSubstr(path));
  Sac<double> finer(kObservations, kActions, small_sac_options(), 1);
  EXPECT_THAT(message_of([&] { finer.load(file); }), HasSubstr(path));

  SafetensorsWriter foreign;
  foreign.add_word("agent.algorithm", "td3");
  foreign.save(folder.file("foreign"));
  EXPECT_THAT(message_of([&] { finer.load(SafetensorsFile(folder.file("foreign"))); }),
              AllOf(HasSubstr("/foreign"), HasSubstr("td3")));
}

}  // namespace
}  // namespace ergon::testing
