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

TEST(AppResume, DataThatChangedMeanwhileAreRefusedByName) {
  const Workspace here;
  const std::string data = "x,y,sick\n1,2,0\n3,1,1\n5,4,0\n2,2,1\n4,7,1\n0,3,0\n";
  here.write("data.csv", data);
  // Room for the checkpoints and not for the trace: stopped with its checkpoint.
  ASSERT_EQ(here.run({"sample", "logistic", "--data", "data.csv", "--label-column", "sick",
                      "--particles", "10", "--sets", "2", "--steps", "400", "--no-figures",
                      "--quiet", "--checkpoint-every", "1000", "--out", "run"},
                     16384)
                .status,
            2);
  std::string changed = data;
  changed[changed.find('5')] = '6';
  const Words resume = {"sample", "--resume", "run", "--quiet"};
  here.write("data.csv", changed);
  const Outcome refused = here.run(resume);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("data.csv: has changed since the run began"));
  EXPECT_EQ(refused.err.find('\n'), refused.err.size() - 1) << refused.err;
  here.write("data.csv", data);
  const Outcome resumed = here.run(resume);
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_TRUE(here.has("run/result.json"));
}

TEST(AppResume, AForeignFrameInACheckpointIsRefusedInOneSentence) {
  const Workspace here;
  ASSERT_EQ(here.run({"sample", "gaussian-worked", "--sampler", "p-svgd", "--step-size-value", "30",
                      "--particles", "20", "--sets", "2", "--steps", "30", "--animate", "--quiet",
                      "--out", "run"})
                .status,
            2);
  std::string state = here.read("run/checkpoint/state.npz");
  const std::string name = "frame.0";
  int found = 0;
  for (auto at = state.find(name); at != std::string::npos; at = state.find(name, at)) {
    state[at + name.size() - 1] = 'x';
    ++found;
  }
  ASSERT_EQ(found, 2) << "the name stands in the entry and in the archive's directory";
  here.write("run/checkpoint/state.npz", state);
  const Outcome outcome = here.run({"sample", "--resume", "run", "--quiet"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("state.npz: is not a checkpoint of this run"));
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
}

}  // namespace
}  // namespace ergon::testing
