#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "ergon/core/files.hpp"
#include "ergon/rl/sac.hpp"
#include "ergon/rl/training.hpp"
#include "rl/support/killed_run.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using testing::finish_into;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr std::uint64_t kSeed = 5;

SacOptions small_sac() {
  SacOptions options;
  options.actor_hidden = {16, 16};
  options.critic_hidden = {16, 16};
  options.batch = 16;
  return options;
}

TrainingOptions short_run() {
  TrainingOptions options;
  options.steps = 300;
  options.random_steps = 60;
  options.update_after = 50;
  options.replay = 200;
  options.evaluate_every = 100;
  options.evaluation_episodes = 2;
  return options;
}

EnvironmentMaker maker(const std::string& name) {
  return [name] { return make_environment({name, /*max_episode_steps=*/40}); };
}

std::unique_ptr<Training> make(const std::string& environment,
                               const TrainingOptions& options,
                               const SacOptions& sac = small_sac()) {
  const EnvironmentSpec spec = maker(environment)()->spec();
  return std::make_unique<Training>(
      maker(environment),
      std::make_unique<Sac<float>>(spec.observation_dim, spec.action_dim, sac, kSeed), options,
      kSeed);
}

TEST(RlSacResume, KilledAtAnyMomentItEndsWithTheBitsOfARunThatNeverStopped) {
  const TemporaryFolder folder;
  for (const std::string environment : {"Pendulum-v1", "Hopper-v4"}) {
    const auto begin = [&] { return make(environment, short_run()); };
    finish_into(*begin(), folder.file("whole"));
    const std::string checkpoint = folder.file(environment);
    EXPECT_GE(testing::run_with_kills(begin, checkpoint, 5), 3) << environment;
    EXPECT_EQ(read_file(checkpoint + ".end"), read_file(folder.file("whole"))) << environment;
  }
}

TEST(RlSacResume, SeveralEnvironmentsResumeFromTheMidstOfTheirEpisodes) {
  const TemporaryFolder folder;
  TrainingOptions options = short_run();
  options.environments = 3;
  finish_into(*make("Hopper-v4", options), folder.file("whole"));
  const auto first = make("Hopper-v4", options);
  while (first->steps() < 171) first->step();
  first->save(folder.file("checkpoint"));
  const auto second = make("Hopper-v4", options);
  second->load(folder.file("checkpoint"));
  finish_into(*second, folder.file("resumed"));
  EXPECT_EQ(read_file(folder.file("resumed")), read_file(folder.file("whole")));
}

TEST(RlSacResume, ACheckpointOfAnotherEnvironmentVersionOrAgentIsRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  const auto run = make("Hopper-v4", short_run());
  run->step();
  run->save(path);
  EXPECT_THAT(testing::message_of([&] { make("Hopper-v5", short_run())->load(path); }),
              AllOf(HasSubstr(path), HasSubstr("Hopper-v4"), HasSubstr("Hopper-v5")));
  SacOptions other = small_sac();
  other.batch = 17;
  EXPECT_THAT(testing::message_of([&] { make("Hopper-v4", short_run(), other)->load(path); }),
              AllOf(HasSubstr(path), HasSubstr("batch"), HasSubstr("16"), HasSubstr("17")));
  EXPECT_EQ(SafetensorsFile(path).word("environment.mujoco"), mujoco_version());
}

}  // namespace
}  // namespace ergon
