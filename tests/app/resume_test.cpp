#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "result_schema.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

/// What is stopped and resumed: the published sampler with accept/reject, and the default, whose
/// fit, record and draws must come back too.
enum class Kind { kMetSvgd, kSteinFlow };

/// Long enough to be caught in the middle: the fit and the steps each write a checkpoint every
/// time.
Words run_words(Kind kind) {
  Words words = {"sample",
                 "gaussian-worked",
                 "--particles",
                 "30",
                 "--sets",
                 "4",
                 "--fit",
                 "12",
                 "--no-figures",
                 "--quiet",
                 "--out",
                 "run",
                 "--checkpoint-every",
                 "0"};
  const Words met_svgd = {
      "--sampler", "met-svgd", "--fit-particles", "10", "--control", "metropolis-hastings",
      "--steps",   "80",       "--draws",         "400"};
  const Words stein_flow = {"--steps", "40", "--fit-draws", "40", "--draws", "2000"};
  const Words& more = kind == Kind::kMetSvgd ? met_svgd : stein_flow;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// A finished run.
struct Finished {
  explicit Finished(Kind kind) {
    const Outcome outcome = workspace.run(run_words(kind));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  Workspace workspace;
};

/// The uninterrupted run, once for all tests.
const Workspace& reference(Kind kind = Kind::kMetSvgd) {
  if (kind == Kind::kSteinFlow) {
    static const Finished stein_flow(kind);
    return stein_flow.workspace;
  }
  static const Finished met_svgd(kind);
  return met_svgd.workspace;
}

/// Starts the run, waits for `checkpoints` versions of `file`, stops it and returns how it ended.
Outcome stop(
    const Workspace& here, Kind kind, const std::string& file, int checkpoints, int signal_number) {
  Running running(here, run_words(kind));
  EXPECT_TRUE(running.wait_for_versions(here.path("run/fit.npz"), file == "run/fit.npz" ? 1 : 0));
  EXPECT_TRUE(running.wait_for_versions(here.path("run/checkpoint/state.npz"), checkpoints));
  running.send(signal_number);
  return running.wait();
}

void expect_same_as_reference(const Workspace& here, Kind kind) {
  const Outcome resumed = here.run({"sample", "--resume", "run", "--quiet"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  for (const char* file : {"run/samples.npz", "run/trace.csv", "run/fit_trace.csv", "run/fit.npz",
                           "run/draws.npz", "run/flow.npz", "run/flow-3.npz"}) {
    EXPECT_EQ(here.read(file), reference(kind).read(file))
        << file << " differs from the uninterrupted run's";
  }
  EXPECT_EQ(without_times(here.json("run/result.json")),
            without_times(reference(kind).json("run/result.json")));
  EXPECT_FALSE(here.has("run/checkpoint"));
}

class AppResume : public ::testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Kinds,
                         AppResume,
                         ::testing::Values(Kind::kMetSvgd, Kind::kSteinFlow),
                         [](const auto& info) {
                           return info.param == Kind::kMetSvgd ? "MetSvgd" : "SteinFlow";
                         });

TEST_P(AppResume, CtrlCInTheFitLeavesACheckpointAndTheResumedRunEndsWithTheSameBits) {
  const Workspace here;
  const Outcome stopped = stop(here, GetParam(), "", 4, SIGINT);
  ASSERT_EQ(stopped.status, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("ergon sample --resume run"));
  EXPECT_EQ(stopped.out, "");
  EXPECT_FALSE(here.has("run/result.json"));
  EXPECT_FALSE(here.has("run/fit.npz")) << "the fit was over: this tests nothing";
  expect_same_as_reference(here, GetParam());
}

TEST_P(AppResume, CtrlCInTheRunLeavesACheckpointAndTheResumedRunEndsWithTheSameBits) {
  const Workspace here;
  ASSERT_EQ(stop(here, GetParam(), "run/fit.npz", 3, SIGINT).status, 130);
  EXPECT_TRUE(here.has("run/fit.npz"));
  EXPECT_FALSE(here.has("run/result.json"));
  expect_same_as_reference(here, GetParam());
}

TEST_P(AppResume, AKilledRunGoesOnFromItsLastCheckpoint) {
  const Workspace here;
  ASSERT_EQ(stop(here, GetParam(), "", 3, SIGKILL).status, 128 + SIGKILL);
  expect_same_as_reference(here, GetParam());
}

TEST(AppResumeDraws, CtrlCWhileTheFlowDrawsLeavesTheRunAndTheResumedOneEndsWithTheSameBits) {
  const Words words = {"sample",
                       "mixture-4",
                       "--particles",
                       "50",
                       "--draws",
                       "1000000",
                       "--steps",
                       "5",
                       "--out",
                       "run",
                       "--no-figures",
                       "--quiet",
                       "--checkpoint-every",
                       "100000",
                       "--sets",
                       "2"};
  const Workspace whole;
  ASSERT_EQ(whole.run(words).status, 0);
  const Workspace here;
  {
    Running running(here, words);
    // The first checkpoint is the start's, the second that of the finished run before its draws.
    ASSERT_TRUE(running.wait_for_versions(here.path("run/checkpoint/state.npz"), 2));
    running.send(SIGINT);
    EXPECT_EQ(running.wait().status, 130);
  }
  EXPECT_FALSE(here.has("run/result.json"));
  EXPECT_FALSE(here.has("run/draws.npz"));
  ASSERT_EQ(here.run({"sample", "--resume", "run", "--quiet"}).status, 0);
  EXPECT_EQ(here.read("run/draws.npz"), whole.read("run/draws.npz"));
  EXPECT_EQ(without_times(here.json("run/result.json")),
            without_times(whole.json("run/result.json")));
}

TEST(AppResumeFiles, AFinishedRunSaysSoAndPrintsItsResultAgain) {
  const Outcome outcome = reference().run({"sample", "--resume", "run", "--json"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("run is finished"));
  EXPECT_EQ(outcome.out, reference().read("run/result.json"));
}

TEST(AppResumeFiles, DamagedCheckpointsAreRefusedInOneSentence) {
  const Workspace here;
  ASSERT_EQ(stop(here, Kind::kMetSvgd, "run/fit.npz", 3, SIGINT).status, 130);
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
  expect_same_as_reference(here, Kind::kMetSvgd);
}

TEST(AppResumeFiles, DataThatChangedMeanwhileAreRefusedByName) {
  const Workspace here;
  const std::string data = "x,y,sick\n1,2,0\n3,1,1\n5,4,0\n2,2,1\n4,7,1\n0,3,0\n";
  here.write("data.csv", data);
  // Room for the checkpoints and not for the trace: stopped with its checkpoint.
  ASSERT_EQ(here.run({"sample",
                      "logistic",
                      "--data",
                      "data.csv",
                      "--label-column",
                      "sick",
                      "--sampler",
                      "met-svgd",
                      "--estimate",
                      "particles",
                      "--particles",
                      "10",
                      "--sets",
                      "2",
                      "--steps",
                      "400",
                      "--no-figures",
                      "--quiet",
                      "--checkpoint-every",
                      "1000",
                      "--out",
                      "run"},
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

TEST(AppResumeFiles, AForeignFrameInACheckpointIsRefusedInOneSentence) {
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
