#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/temporary_folder.hpp"
#include "ergon/core/files.hpp"
#include "ergon/rl/training.hpp"
#include "rl/support/killed_run.hpp"
#include "rl/support/line_environment.hpp"
#include "rl/support/linear_agent.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using testing::finish_into;
using ::testing::HasSubstr;
using testing::LinearAgent;
using testing::LinearAgentOptions;
using testing::LineOptions;
using testing::make_line;
using testing::message_of;
using testing::TemporaryFolder;

constexpr std::uint64_t kSeed = 5;

TrainingOptions run_of(std::int64_t environments) {
  TrainingOptions options;
  options.steps = 240;
  options.random_steps = 30;
  options.update_after = 20;
  options.replay = 100;  // fewer than the steps: the oldest are overwritten
  options.environments = environments;
  options.evaluate_every = 50;
  options.evaluation_episodes = 2;
  return options;
}

std::unique_ptr<Training> make(const TrainingOptions& options,
                               const LineOptions& line = {},
                               const LinearAgentOptions& agent = {}) {
  return std::make_unique<Training>(make_line(line), std::make_unique<LinearAgent>(agent), options,
                                    kSeed);
}

std::string end_of_whole_run(const TrainingOptions& options, const TemporaryFolder& folder) {
  finish_into(*make(options), folder.file("whole"));
  return read_file(folder.file("whole"));
}

TEST(RlTrainingResume, FromAnyStepTheEndHasTheSameBits) {
  const TemporaryFolder folder;
  for (const std::int64_t environments : {1, 3}) {
    const TrainingOptions options = run_of(environments);
    const std::string whole = end_of_whole_run(options, folder);
    for (const std::int64_t stop : {0, 1, 29, 50, 77, 150, 239, 240}) {
      const auto first = make(options);
      while (first->steps() < stop) first->step();
      first->save(folder.file("checkpoint"));
      const auto second = make(options);
      second->load(folder.file("checkpoint"));
      EXPECT_EQ(second->steps(), first->steps());
      EXPECT_EQ(second->updates(), first->updates());
      finish_into(*second, folder.file("resumed"));
      EXPECT_EQ(read_file(folder.file("resumed")), whole) << environments << " from " << stop;
    }
  }
}

TEST(RlTrainingResume, SavingAndLoadingInItsMidstChangesNothing) {
  const TemporaryFolder folder;
  const TrainingOptions options = run_of(1);
  const std::string whole = end_of_whole_run(options, folder);
  const auto run = make(options);
  while (!run->done()) {
    run->step();
    if (run->steps() % 40 != 0) continue;
    run->save(folder.file("checkpoint"));
    if (run->steps() % 80 == 0) run->load(folder.file("checkpoint"));
  }
  finish_into(*run, folder.file("end"));
  EXPECT_EQ(read_file(folder.file("end")), whole);
}

TEST(RlTrainingResume, KilledAtAnyMomentItEndsWithTheBitsOfARunThatNeverStopped) {
  const TemporaryFolder folder;
  for (const std::int64_t environments : {1, 3}) {
    const TrainingOptions options = run_of(environments);
    const std::string whole = end_of_whole_run(options, folder);
    const std::string checkpoint = folder.file("checkpoint" + std::to_string(environments));
    // Nearly all of the time goes into saving, so most kills fall into a save.
    const int kills =
        testing::run_with_kills([&] { return make(options); }, checkpoint, 4 * environments);
    EXPECT_GE(kills, 3);
    EXPECT_EQ(read_file(checkpoint + ".end"), whole);
  }
}

TEST(RlTrainingResume, TheSameStateGivesTheSameBytes) {
  const TemporaryFolder folder;
  const auto run = make(run_of(1));
  for (int i = 0; i < 49; ++i) run->step();
  run->save(folder.file("a"));
  const auto other = make(run_of(1));
  other->load(folder.file("a"));
  other->save(folder.file("b"));
  EXPECT_EQ(read_file(folder.file("a")), read_file(folder.file("b")));
  run->step();
  run->save(folder.file("b"));
  EXPECT_NE(read_file(folder.file("a")), read_file(folder.file("b")));
}

TEST(RlTrainingResume, EvaluationsThatWaitOrRunAreDoneAgain) {
  const TemporaryFolder folder;
  const TrainingOptions options = run_of(1);
  const std::string whole = end_of_whole_run(options, folder);
  std::atomic<bool> open{false};
  LinearAgentOptions gated;
  gated.before_action = [&] {
    while (!open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  const auto run = make(options, {}, gated);
  while (run->steps() < 170) run->step();
  run->save(folder.file("checkpoint"));
  EXPECT_THAT(SafetensorsFile(folder.file("checkpoint")).list<std::int64_t>("pending.steps"),
              ElementsAre(50, 100, 150));
  open = true;
  const auto resumed = make(options);
  resumed->load(folder.file("checkpoint"));
  finish_into(*resumed, folder.file("resumed"));
  EXPECT_EQ(read_file(folder.file("resumed")), whole);
  finish_into(*run, folder.file("not stopped"));
  EXPECT_EQ(read_file(folder.file("not stopped")), whole);
}

TEST(RlTrainingResume, ARunCanBeProlonged) {
  const TemporaryFolder folder;
  TrainingOptions options = run_of(1);
  options.steps = 200;  // an evaluation is due there anyway
  finish_into(*make(options), folder.file("short"));
  options.steps = 240;
  const std::string whole = end_of_whole_run(options, folder);
  const auto prolonged = make(options);
  prolonged->load(folder.file("short"));
  EXPECT_FALSE(prolonged->done());
  finish_into(*prolonged, folder.file("long"));
  EXPECT_EQ(read_file(folder.file("long")), whole);
}

/// A checkpoint after some steps, and what loading it into other runs says.
class RlTrainingCheckpoint : public ::testing::Test {
 protected:
  RlTrainingCheckpoint() : path_(folder_.file("checkpoint")) {
    const auto run = make(options_);
    for (int i = 0; i < 60; ++i) run->step();
    run->finish();
    run->save(path_);
  }
  std::string message(const std::unique_ptr<Training>& run) const {
    return message_of([&] { run->load(path_); });
  }

  TemporaryFolder folder_;
  TrainingOptions options_ = run_of(1);
  std::string path_;
};

TEST_F(RlTrainingCheckpoint, OfOtherOptionsIsRefusedNamingWhichDiffers) {
  visit_training_fields(options_, [&](const char* name, std::int64_t& value, const char*) {
    if (std::string(name) == "steps") return;
    const std::int64_t before = value++;
    EXPECT_THAT(message(make(options_)),
                AllOf(HasSubstr(path_), HasSubstr("--" + std::string(name) + " "),
                      HasSubstr(std::to_string(before)), HasSubstr(std::to_string(value))));
    value = before;
  });
}

TEST_F(RlTrainingCheckpoint, OfAnotherEnvironmentOrSeedIsRefused) {
  LineOptions line;
  line.name = "Circle";
  EXPECT_THAT(message(make(options_, line)),
              AllOf(HasSubstr(path_), HasSubstr("environment Line"), HasSubstr("Circle")));
  line = {};
  line.model_hash = "abc";
  EXPECT_THAT(message(make(options_, line)), AllOf(HasSubstr("model hash"), HasSubstr("abc")));
  line = {};
  line.max_episode_steps = 21;
  EXPECT_THAT(message(make(options_, line)), AllOf(HasSubstr("episode"), HasSubstr("21")));
  EXPECT_THAT(message(std::make_unique<Training>(make_line(), std::make_unique<LinearAgent>(),
                                                 options_, kSeed + 1)),
              AllOf(HasSubstr("seed 5"), HasSubstr("6")));
}

TEST_F(RlTrainingCheckpoint, DamagedOrCutShortIsRefusedAndTheRunCanGoOn) {
  const std::string whole = end_of_whole_run(options_, folder_);
  const std::string bytes = read_file(path_);
  const auto run = make(options_);
  const auto refused = [&](const std::string& broken, const std::string& how) {
    write_file(path_, broken);
    EXPECT_THAT(message(run), HasSubstr(path_)) << how;
  };
  for (std::size_t i = 0; i < 150; ++i) {
    const std::size_t at = i < 50 ? i : (i - 50) * bytes.size() / 100;
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ (1 << (i % 8)));
    refused(broken, fmt::format("a flipped bit at {}", at));
  }
  for (std::size_t i = 0; i < 20; ++i)
    refused(bytes.substr(0, i * bytes.size() / 20), fmt::format("{} twentieths", i));
  refused(bytes + "x", "a byte too many");
  finish_into(*run, folder_.file("end"));
  EXPECT_EQ(read_file(folder_.file("end")), whole);
}

TEST_F(RlTrainingCheckpoint, ForeignFilesAreRefused) {
  const auto run = make(options_);
  write_file(path_, "PK\x03\x04 not ours");
  EXPECT_THAT(message(run), HasSubstr(path_));
  const std::vector<float> numbers = {1.0f, 2.0f};
  SafetensorsWriter other;
  other.add("weight", {2}, numbers.data());
  other.save(path_);
  EXPECT_THAT(message(run), AllOf(HasSubstr(path_), HasSubstr("not a checkpoint")));
  path_ = folder_.file("missing");
  EXPECT_THAT(message(run), HasSubstr(path_));
}

TEST_F(RlTrainingCheckpoint, OfANewerVersionOrAnotherProgramIsRefused) {
  const auto run = make(options_);
  const auto written = [&](const std::string& kind, const std::string& version) {
    SafetensorsWriter other;
    other.add_word("checkpoint", kind);
    other.add_word("checkpoint.version", version);
    other.save(path_);
    return message(run);
  };
  EXPECT_THAT(written("ergon training", "2"),
              AllOf(HasSubstr(path_), HasSubstr("version 2"), HasSubstr("version 1")));
  EXPECT_THAT(written("ergon flow", "1"), HasSubstr("not a checkpoint"));
  EXPECT_THAT(written("ergon training", "1"), HasSubstr(path_));  // nothing else is there
}

}  // namespace
}  // namespace ergon
