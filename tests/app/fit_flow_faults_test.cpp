#include <csignal>

#include "refusals.hpp"
#include "result_schema.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFourRows = "a,b\n1.5,2.25\n3.5,4.5\n3,3\n1,7\n";

TEST(AppFitFlowFaults, UnknownWordsNameTheNearest) {
  const Workspace here;
  here.write("points.csv", kFourRows);
  expect_all_refused(here,
                     {{{"fit-flw"}, {"did you mean fit-flow?"}},
                      {{"fit-flow"}, {"to what?", "TARGET", "--samples"}},
                      {{"fit-flow", "mixture4"}, {"did you mean mixture-4?"}},
                      {{"fit-flow", "points.csv"}, {"--samples points.csv"}},
                      {{"fit-flow", "ring", "--flow", "realnpv"}, {"did you mean realnvp?"}},
                      {{"fit-flow", "ring", "--gradient", "path"}, {"--gradient", "reverse-path"}},
                      {{"fit-flow", "ring", "--flow-layer", "3"}, {"--flow-layers"}}});
}

TEST(AppFitFlowFaults, FilesThatCannotBeLearnedFromAreRefusedByName) {
  const Workspace here;
  here.write("nan.csv", "a,b\n1,2.5\n3,4.5\nnan,3\n5,5\n");
  here.write("constant.csv", "a,b\n1.5,2\n3.2,2\n3,2\n1,2\n");
  here.write("two.csv", "a\n1\n2\n");
  here.write("three.csv", "a,b,c\n1,2,3\n3,2,1\n2,3,4\n5,5,5\n");
  here.write("empty.csv", "");
  here.write("points.csv", kFourRows);
  here.write("images.idx", std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02truncat", 23));
  here.write("archive.npz", "PK but no archive");
  const auto fit = [](const Words& more) {
    Words words = {"fit-flow", "--samples"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_all_refused(
      here,
      {{fit({"missing.csv"}), {"--samples", "missing.csv"}},
       {fit({"."}), {"folder"}},
       {fit({"empty.csv"}), {"empty.csv", "empty"}},
       {fit({"nan.csv"}), {"nan.csv, line 4", "not a finite number"}},
       {fit({"constant.csv"}), {"column 2", "constant.csv", "one value"}},
       {fit({"two.csv", "--flow", "maf"}), {"2 rows are too few"}},
       {fit({"images.idx"}), {"images.idx"}},
       {fit({"archive.npz"}), {"archive.npz"}},
       {fit({"points.csv", "--held-out-samples", "missing.csv"}), {"missing.csv"}},
       {fit({"points.csv", "--held-out-samples", "three.csv"}), {"3 coordinates", "2"}},
       {{"fit-flow", "mixture-4", "--samples", "three.csv"}, {"3 coordinates", "mixture-4 has 2"}},
       {{"fit-flow", "phi4", "--train-draws", "10"}, {"phi4 cannot be sampled exactly"}}});
}

TEST(AppFitFlowFaults, AnEstimatorThatDoesNotFitNamesThoseThatDo) {
  const Workspace here;
  here.write("points.csv", kFourRows);
  expect_all_refused(
      here, {{{"fit-flow", "mixture-4", "--gradient", "forward-path"},
              {"needs points", "--samples", "reverse-path"}},
             {{"fit-flow", "--samples", "points.csv", "--gradient", "reverse-path"},
              {"needs a log-density", "forward-total"}},
             {{"fit-flow", "--samples", "points.csv", "--gradient", "forward-path"},
              {"needs a log-density", "forward-total"}},
             {{"fit-flow", "mixture-4", "--samples", "points.csv", "--gradient", "reverse-total"},
              {"the flow's own draws", "--samples", "forward-path"}}});
}

TEST(AppFitFlowFaults, OptionsWithoutEffectAreRefused) {
  const Workspace here;
  here.write("points.csv", kFourRows);
  const auto on_points = [](const Words& more) {
    Words words = {"fit-flow", "--samples", "points.csv"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_all_refused(
      here,
      {{{"fit-flow", "mixture-4", "--flow-bins", "4"}, {"--flow-bins", "--flow realnvp"}},
       {{"fit-flow", "mixture-4", "--flow-lower", "0"}, {"--flow-lower", "--flow-support box"}},
       {{"fit-flow", "mixture-4", "--held-out-share", "0.2"}, {"--held-out-share", "--samples"}},
       {{"fit-flow", "mixture-4", "--samples", "points.csv", "--train-draws", "9"}, {"contradict"}},
       {{"fit-flow", "--train-draws", "9"}, {"--train-draws", "TARGET"}},
       {on_points({"--dim", "3"}), {"--dim", "TARGET"}},
       {on_points({"--image-pool", "2"}), {"--image-pool", "no IDX file"}},
       {on_points({"--samples-array", "x"}), {"--samples-array", "no NPZ file"}},
       {on_points({"--held-out-draws", "20"}), {"--held-out-draws", "held-out rows"}},
       {on_points({"--held-out-share", "1"}), {"--held-out-share", "between 0 and 1"}},
       {on_points({"--batch", "0"}), {"--batch", "at least 1"}},
       {{"fit-flow", "mixture-4", "--draws", "1"}, {"--draws", "at least 2"}},
       {{"fit-flow", "mixture-4", "--draws", "10000000000"}, {"not enough memory", "--draws"}},
       {{"fit-flow", "gaussian", "--dim", "1"}, {"one dimension", "maf"}},
       {{"fit-flow", "mixture-4", "--resume", "run"}, {"leave mixture-4 out"}}});
}

TEST(AppFitFlowFaults, AFolderThatHoldsARunIsKept) {
  const Workspace here;
  const Words words = {"fit-flow", "ring",  "--iterations", "2",       "--draws",
                       "100",      "--out", "run",          "--quiet", "--no-figures"};
  ASSERT_EQ(here.run(words).status, 0);
  expect_refused(here.run(words), {"run holds an earlier run", "--overwrite"});
  Words again = words;
  again.emplace_back("--overwrite");
  EXPECT_EQ(here.run(again).status, 0);
}

TEST(AppFitFlowFaults, ADensityThatIsNowhereANumberEndsTheTrainingWithItsCheckpoint) {
  const Workspace here;
  // A density of the right kind whose parameters overflow in float32.
  const Outcome outcome =
      here.run({"fit-flow", "gaussian", "--mean", "1e30", "--variances", "1e-30", "--dim", "2",
                "--iterations", "500", "--out", "run", "--quiet", "--no-figures"});
  EXPECT_EQ(outcome.status, 2) << outcome.out;
  EXPECT_THAT(outcome.err, HasSubstr("not finite"));
}

// ---- interruption
// ---------------------------------------------------------------------------------------------------

enum class Kind { kReverse, kForward };

/// Long enough to be caught in the middle, with a checkpoint at every iteration.
Words run_words(Kind kind) {
  Words words = {"fit-flow", "--iterations",
                 "150",      "--draws",
                 "300",      "--out",
                 "run",      "--no-figures",
                 "--quiet",  "--checkpoint-every",
                 "0",        "--flow-hidden",
                 "8",        "--evaluate-every",
                 "20"};
  const Words reverse = {"gaussian-worked"};
  const Words forward = {"mixture-4", "--train-draws", "300", "--batch", "64"};
  const Words& more = kind == Kind::kReverse ? reverse : forward;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// The uninterrupted run, once for all tests.
const Workspace& reference(Kind kind) {
  static const Workspace reverse, forward;
  const Workspace& here = kind == Kind::kReverse ? reverse : forward;
  if (!here.has("run")) EXPECT_EQ(here.run(run_words(kind)).status, 0);
  return here;
}

Outcome stop(const Workspace& here, Kind kind, int signal_number) {
  Running running(here, run_words(kind));
  EXPECT_TRUE(running.wait_for_versions(here.path("run/checkpoint/state.npz"), 10));
  running.send(signal_number);
  return running.wait();
}

void expect_same_as_reference(const Workspace& here, Kind kind) {
  const Outcome resumed = here.run({"fit-flow", "--resume", "run", "--quiet"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  for (const char* file : {"run/samples.npz", "run/trace.csv", "run/flow.npz"}) {
    EXPECT_EQ(here.read(file), reference(kind).read(file))
        << file << " differs from the uninterrupted run's";
  }
  EXPECT_EQ(without_times(here.json("run/result.json")),
            without_times(reference(kind).json("run/result.json")));
  EXPECT_FALSE(here.has("run/checkpoint"));
}

class AppFitFlowResume : public ::testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Kinds,
                         AppFitFlowResume,
                         ::testing::Values(Kind::kReverse, Kind::kForward),
                         [](const auto& info) {
                           return info.param == Kind::kReverse ? "Reverse" : "Forward";
                         });

TEST_P(AppFitFlowResume, CtrlCLeavesACheckpointAndTheResumedRunEndsWithTheSameBits) {
  const Workspace here;
  const Outcome stopped = stop(here, GetParam(), SIGINT);
  ASSERT_EQ(stopped.status, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("continue with: ergon fit-flow --resume run"));
  EXPECT_EQ(stopped.out, "");
  EXPECT_FALSE(here.has("run/result.json"));
  expect_refused(here.run({"fit-flow", "ring", "--out", "run"}), {"interrupted run", "--resume"});
  expect_same_as_reference(here, GetParam());
}

TEST_P(AppFitFlowResume, AKilledRunGoesOnFromItsLastCheckpoint) {
  const Workspace here;
  ASSERT_EQ(stop(here, GetParam(), SIGKILL).status, 128 + SIGKILL);
  expect_same_as_reference(here, GetParam());
}

TEST(AppFitFlowResumeFiles, AFinishedRunSaysSoAndPrintsItsResultAgain) {
  const Workspace& here = reference(Kind::kReverse);
  const Outcome outcome = here.run({"fit-flow", "--resume", "run", "--json"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("run is finished"));
  EXPECT_EQ(outcome.out, here.read("run/result.json"));
}

TEST(AppFitFlowResumeFiles, DamagedForeignAndChangedFilesAreRefusedInOneSentence) {
  const Workspace here;
  std::string data = "a,b\n";
  for (int i = 0; i < 40; ++i)
    data += std::to_string(i * 0.37) + "," + std::to_string(i * i % 7 + 0.5) + "\n";
  here.write("points.csv", data);
  {
    Running running(here, {"fit-flow", "--samples", "points.csv", "--iterations", "100000", "--out",
                           "run", "--quiet", "--checkpoint-every", "0", "--no-figures"});
    ASSERT_TRUE(running.wait_for_versions(here.path("run/checkpoint/state.npz"), 3));
    running.send(SIGINT);
    ASSERT_EQ(running.wait().status, 130);
  }
  const Words resume = {"fit-flow", "--resume", "run", "--quiet"};
  const std::string options = here.read("run/checkpoint/options.json");
  const std::string state = here.read("run/checkpoint/state.npz");
  here.write("points.csv", data + "9,9\n");
  expect_refused(here.run(resume), {"points.csv: has changed since the run began"});
  here.write("points.csv", data);
  here.write("run/checkpoint/state.npz", state.substr(0, state.size() / 2));
  expect_refused(here.run(resume), {"state.npz"});
  here.write("run/checkpoint/state.npz", reference(Kind::kReverse).read("run/samples.npz"));
  expect_refused(here.run(resume), {"state.npz"});
  here.write("run/checkpoint/state.npz", state);
  Json other = Json::parse(options);
  other["options"]["flow"]["flow-hidden"] = 9;
  here.write("run/checkpoint/options.json", other.dump());
  expect_refused(here.run(resume), {"state.npz"});
  here.write("run/checkpoint/options.json", "{\"format\": \"ergon-sample-checkpoint/2\"}");
  expect_refused(here.run(resume), {"options.json", "fit-flow"});
}

}  // namespace
}  // namespace ergon::testing
