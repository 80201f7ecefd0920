#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "ergon/core/files.hpp"
#include "ergon/rl/training.hpp"
#include "rl/support/line_environment.hpp"
#include "rl/support/linear_agent.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::LinearAgent;
using testing::LinearAgentOptions;
using testing::LineFault;
using testing::LineOptions;
using testing::make_line;
using testing::TemporaryFolder;

TrainingOptions run_of(std::int64_t environments) {
  TrainingOptions options;
  options.steps = 600;
  options.random_steps = 10;
  options.update_after = 8;
  options.replay = 1000;
  options.environments = environments;
  options.evaluate_every = 0;
  options.evaluation_episodes = 1;
  return options;
}

Training training(const TrainingOptions& options,
                  const LineOptions& line,
                  const LinearAgentOptions& agent = {}) {
  return Training(make_line(line), std::make_unique<LinearAgent>(agent), options, 5);
}

std::string failure_of(Training& run) {
  try {
    run.step();
  } catch (const NumericalFailure& failed) {
    return failed.what();
  }
  return "";
}

struct Case {
  LineFault fault;
  std::int64_t step;  ///< of each environment
  std::int64_t environments;
  const char* cause;
};

/// The steps 1, 64, 65 and 130 are at the ends of what is kept to go back.
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {LineFault::kReward, 1, 1, "reward"},       {LineFault::kReward, 64, 1, "reward"},
      {LineFault::kObservation, 65, 1, "observ"}, {LineFault::kObservation, 130, 1, "observ"},
      {LineFault::kDiverged, 100, 1, "diverged"}, {LineFault::kReward, 100, 3, "reward"},
      {LineFault::kObservation, 64, 3, "observ"},
  };
  return all;
}

TEST(RlTrainingFailure, AfterABrokenEnvironmentStepEverythingIsAsBeforeIt) {
  const TemporaryFolder folder;
  for (const Case& c : cases()) {
    LineOptions line;
    line.fault = c.fault;
    line.fault_step = c.step;
    Training run = training(run_of(c.environments), line);
    for (std::int64_t i = 1; i < c.step; ++i) run.step();
    run.save(folder.file("before"));
    const std::string failure = failure_of(run);
    EXPECT_THAT(failure,
                AllOf(HasSubstr("Line"), HasSubstr(c.cause),
                      HasSubstr(std::to_string((c.step - 1) * c.environments) + " steps")));
    EXPECT_EQ(run.steps(), (c.step - 1) * c.environments);
    run.save(folder.file("after"));
    EXPECT_EQ(read_file(folder.file("before")), read_file(folder.file("after"))) << c.step;
    EXPECT_EQ(failure_of(run), failure);

    Training resumed = training(run_of(c.environments), line);
    resumed.load(folder.file("after"));
    EXPECT_EQ(failure_of(resumed), failure);
  }
}

TEST(RlTrainingFailure, WithoutTheFaultTheRunGoesOnAsIfNothingHadHappened) {
  const TemporaryFolder folder;
  LineOptions line;
  line.fault = LineFault::kReward;
  line.fault_step = 100;
  Training broken = training(run_of(2), line);
  std::string failure;
  while (failure.empty()) failure = failure_of(broken);
  broken.save(folder.file("broken"));

  Training mended = training(run_of(2), {});
  mended.load(folder.file("broken"));
  Training whole = training(run_of(2), {});
  for (Training* run : {&mended, &whole}) {
    while (!run->done()) run->step();
    run->finish();
  }
  mended.save(folder.file("mended"));
  whole.save(folder.file("whole"));
  EXPECT_EQ(read_file(folder.file("mended")), read_file(folder.file("whole")));
}

TEST(RlTrainingFailure, AfterACheckpointWasLoadedInTheMidstEverythingIsAsBeforeTheBrokenStepToo) {
  const TemporaryFolder folder;
  LineOptions line;
  line.fault = LineFault::kObservation;
  line.fault_step = 100;
  Training run = training(run_of(1), line);
  while (run.steps() < 80) run.step();
  run.save(folder.file("at 80"));
  while (run.steps() < 97) run.step();
  run.load(folder.file("at 80"));
  while (run.steps() < 99) run.step();
  run.save(folder.file("before"));
  EXPECT_THAT(failure_of(run), HasSubstr("observation"));
  run.save(folder.file("after"));
  EXPECT_EQ(read_file(folder.file("before")), read_file(folder.file("after")));
}

TEST(RlTrainingFailure, AFailedUpdateStopsTheRunAlsoFromItsCheckpoint) {
  const TemporaryFolder folder;
  LinearAgentOptions agent;
  agent.failing_update = 50;
  Training run = training(run_of(1), {}, agent);
  std::string failure;
  while (failure.empty()) {
    run.save(folder.file("before"));
    failure = failure_of(run);
  }
  EXPECT_THAT(failure,
              AllOf(HasSubstr("loss of the line"), HasSubstr("update 50"), HasSubstr("57 steps")));
  EXPECT_EQ(failure_of(run), failure);
  EXPECT_EQ(run.updates(), 49);
  EXPECT_FALSE(run.done());
  run.save(folder.file("after"));

  for (const char* name : {"before", "after"}) {
    Training resumed = training(run_of(1), {}, agent);
    resumed.load(folder.file(name));
    EXPECT_EQ(failure_of(resumed), failure) << name;
    resumed.load(folder.file("before"));
    EXPECT_EQ(failure_of(resumed), failure) << name;
  }
}

TEST(RlTrainingFailure, AFailedEvaluationIsToldAndDoneAgainByAResumedRun) {
  const TemporaryFolder folder;
  TrainingOptions options = run_of(1);
  options.steps = 40;
  LineOptions line;
  line.fault = LineFault::kReward;
  line.fault_step = 41;  // that only the evaluation's environment comes to
  options.evaluation_episodes = 30;
  Training run = training(options, line);
  while (!run.done()) run.step();
  EXPECT_THROW(run.finish(), NumericalFailure);
  EXPECT_THROW(run.record(), NumericalFailure);
  run.save(folder.file("checkpoint"));
  Training resumed = training(options, line);
  resumed.load(folder.file("checkpoint"));
  EXPECT_TRUE(resumed.done());
  EXPECT_THROW(resumed.finish(), NumericalFailure);

  Training mended = training(options, {});
  mended.load(folder.file("checkpoint"));
  mended.finish();
  ASSERT_EQ(mended.record().evaluations.size(), 1U);
  EXPECT_EQ(mended.record().evaluations[0].step, 40);
}

TEST(RlTrainingFailure, ASaveThatFailsLeavesTheOldCheckpoint) {
  const TemporaryFolder folder;
  Training run = training(run_of(1), {});
  run.save(folder.file("checkpoint"));
  const std::string old = read_file(folder.file("checkpoint"));
  for (int i = 0; i < 100; ++i) run.step();
  {
    const testing::FileSizeLimit limit(1000);
    EXPECT_THAT(testing::message_of([&] { run.save(folder.file("checkpoint")); }),
                HasSubstr(folder.file("checkpoint")));
  }
  EXPECT_EQ(read_file(folder.file("checkpoint")), old);
  EXPECT_THAT(folder.names(), ::testing::ElementsAre("checkpoint"));
  run.step();
}

}  // namespace
}  // namespace ergon
