#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "result_schema.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

/// Long enough to be caught in the middle: the fit and the steps each write a checkpoint every
/// time.
const Words kRun = {"sample",
                    "gaussian-worked",
                    "--particles",
                    "30",
                    "--sets",
                    "4",
                    "--steps",
                    "80",
                    "--fit",
                    "12",
                    "--fit-particles",
                    "10",
                    "--control",
                    "metropolis-hastings",
                    "--no-figures",
                    "--quiet",
                    "--checkpoint-every",
                    "0"};

Words run_in(const std::string& folder) {
  Words words = kRun;
  words.insert(words.end(), {"--out", folder});
  return words;
}

/// The uninterrupted run, once for all tests.
const Workspace& reference() {
  static const Workspace workspace;
  static const Outcome outcome = workspace.run(run_in("run"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return workspace;
}

/// Starts the run, waits for `checkpoints` versions of `file`, stops it and returns how it ended.
Outcome stop(const Workspace& here, const std::string& file, int checkpoints, int signal_number) {
  Running running(here, run_in("run"));
  EXPECT_TRUE(running.wait_for_versions(here.path("run/fit.npz"), file == "run/fit.npz" ? 1 : 0));
  EXPECT_TRUE(running.wait_for_versions(here.path("run/checkpoint/state.npz"), checkpoints));
  running.send(signal_number);
  return running.wait();
}

void expect_same_as_reference(const Workspace& here) {
  const Outcome resumed = here.run({"sample", "--resume", "run", "--quiet"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  for (const char* file :
       {"run/samples.npz", "run/trace.csv", "run/fit_trace.csv", "run/fit.npz"}) {
    EXPECT_EQ(here.read(file), reference().read(file))
        << file << " differs from the uninterrupted run's";
  }
  EXPECT_EQ(without_times(here.json("run/result.json")),
            without_times(reference().json("run/result.json")));
  EXPECT_FALSE(here.has("run/checkpoint"));
}

TEST(AppResume, CtrlCInTheFitLeavesACheckpointAndTheResumedRunEndsWithTheSameBits) {
  const Workspace here;
  const Outcome stopped = stop(here, "", 4, SIGINT);
  ASSERT_EQ(stopped.status, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("ergon sample --resume run"));
  EXPECT_EQ(stopped.out, "");
  EXPECT_FALSE(here.has("run/result.json"));
  EXPECT_FALSE(here.has("run/fit.npz")) << "the fit was over: this tests nothing";
  expect_same_as_reference(here);
}

TEST(AppResume, CtrlCInTheRunLeavesACheckpointAndTheResumedRunEndsWithTheSameBits) {
  const Workspace here;
  ASSERT_EQ(stop(here, "run/fit.npz", 3, SIGINT).status, 130);
  EXPECT_TRUE(here.has("run/fit.npz"));
  EXPECT_FALSE(here.has("run/result.json"));
  expect_same_as_reference(here);
}

TEST(AppResume, AKilledRunGoesOnFromItsLastCheckpoint) {
  const Workspace here;
  ASSERT_EQ(stop(here, "", 3, SIGKILL).status, 128 + SIGKILL);
  expect_same_as_reference(here);
}

TEST(AppResume, AFinishedRunSaysSoAndPrintsItsResultAgain) {
  const Outcome outcome = reference().run({"sample", "--resume", "run", "--json"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("run is finished"));
  EXPECT_EQ(outcome.out, reference().read("run/result.json"));
}

TEST(AppResume, DamagedCheckpointsAreRefusedInOneSentence) {
  const Workspace here;
  ASSERT_EQ(stop(here, "run/fit.npz", 3, SIGINT).status, 130);
  const std::string options = here.read("run/checkpoint/options.json");
  const std::string state = here.read("run/checkpoint/state.npz");
  const auto expect_refused = [&](const std::string& names) {
    const Outcome outcome = here.run({"sample", "--resume", "run", "--quiet"});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.err, HasSubstr(names));
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  };
  here.write("run/checkpoint/state.npz", state.substr(0, state.size() / 2));
  expect_refused("state.npz");
  here.write("run/checkpoint/state.npz", reference().read("run/samples.npz"));
  expect_refused("state.npz");
  here.write("run/checkpoint/state.npz", state);
  here.write("run/checkpoint/options.json", options.substr(0, options.size() / 2));
  expect_refused("options.json");
  here.write("run/checkpoint/options.json", "{\"format\": \"another\"}");
  expect_refused("options.json");
  Json other = Json::parse(options);
  other["options"]["sampler"]["particles"] = 31;
  here.write("run/checkpoint/options.json", other.dump());
  expect_refused("state.npz");
  here.write("run/checkpoint/options.json", options);
  expect_same_as_reference(here);
}

}  // namespace
}  // namespace ergon::testing
