#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <filesystem>

#include "result_schema.hpp"

namespace ergon::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

/// A small flow in coordinates in which the target is about standard.
Words small_flow(const Words& more) {
  Words words = {"sample",
                 "gaussian-worked",
                 "--sampler",
                 "flow",
                 "--initial-stddev",
                 "2",
                 "--flow-layers",
                 "4",
                 "--flow-hidden",
                 "16",
                 "--fit-draws",
                 "100",
                 "--fit-learning-rate",
                 "0.01",
                 "--particles",
                 "2000",
                 "--quiet"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// One fit, for all tests that look at what it left.
const Workspace& fitted() {
  static const struct Fitted {
    Fitted() {
      const Outcome outcome = here.run(small_flow({"--fit", "300", "--out", "run"}));
      EXPECT_EQ(outcome.status, 0) << outcome.err;
      table = outcome.out;
    }
    Workspace here;
    std::string table;
  } run;
  EXPECT_THAT(run.table, HasSubstr("gaussian-worked (D = 2)"));
  return run.here;
}

double number(const Json& estimate, const char* key) { return estimate[key].get<double>(); }

TEST(AppSampleFlow, AShortFitEstimatesWhatIsKnownOfAGaussian) {
  const Json result = fitted().json("run/result.json");
  EXPECT_THAT(schema_offences(result), IsEmpty());
  EXPECT_EQ(result["estimate"], "weights");
  EXPECT_GT(result["ess_share"], 0.9);
  EXPECT_LT(std::abs(number(result["log_z"], "estimate")),
            4 * number(result["log_z"], "standard_error"));
  EXPECT_LT(number(result["log_z"], "standard_error"), 0.02);
  EXPECT_LT(std::abs(number(result["entropy"], "estimate") - 3.41121),
            4 * number(result["entropy"], "standard_error"));
  EXPECT_LT(number(result["elbo"], "estimate"), 4 * number(result["elbo"], "standard_error"));
  EXPECT_GT(number(result["eubo"], "estimate"), -4 * number(result["eubo"], "standard_error"));
  EXPECT_EQ(result["moments"]["of"], "target");
  EXPECT_TRUE(result["sampler"]["density"].is_null());
  EXPECT_EQ(result["warnings"], Json::array());
}

TEST(AppSampleFlow, LeavesTheFlowAndItsOptionsAndCountsWhatTheFitAskedFor) {
  const Json result = fitted().json("run/result.json");
  EXPECT_THAT(fitted().list("run"), IsSupersetOf({"flow.npz", "fit.json", "fit_trace.csv",
                                                  "samples.npz", "trace.csv", "report.html"}));
  EXPECT_THAT(fitted().list("run"), Not(Contains("fit.npz")));
  EXPECT_EQ(result["options"]["flow"]["flow-layers"], 4);
  EXPECT_EQ(result["options"]["flow"]["flow"], "realnvp");
  EXPECT_EQ(result["fit"]["iterations"], 300);
  EXPECT_EQ(result["fit"]["target_evaluations"]["gradient"], 300 * 100);
  EXPECT_EQ(result["target_evaluations"]["gradient"], 300 * 100 + 2 * 2000);
}

TEST(AppSampleFlow, AFittedFlowIsReusedFromItsFolderAndFromItsFile) {
  const Workspace& here = fitted();
  for (const char* source : {"run", "run/flow.npz"}) {
    const Outcome outcome = here.run({"sample", "--fitted", source, "--particles", "2000", "--out",
                                      "again", "--overwrite", "--no-figures", "--quiet"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(here.read("again/samples.npz"), here.read("run/samples.npz")) << source;
    EXPECT_EQ(here.read("again/flow.npz"), here.read("run/flow.npz")) << source;
    const Json result = here.json("again/result.json");
    EXPECT_TRUE(result["fit"].is_null());
    EXPECT_EQ(result["warnings"], Json::array());
  }
}

TEST(AppSampleFlow, AFlowWithoutItsDescriptionIsTakenInTheCoordinatesThatAreGiven) {
  const Workspace here;
  std::filesystem::copy_file(fitted().path("run/flow.npz"), here.path("other.npz"));
  const Outcome outcome =
      here.run({"sample", "gaussian-worked", "--fitted", "other.npz", "--initial-stddev", "2",
                "--particles", "2000", "--out", "run", "--no-figures", "--quiet"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(here.read("run/samples.npz"), fitted().read("run/samples.npz"));
  const Outcome elsewhere = here.run({"sample", "funnel", "--dim", "3", "--fitted", "other.npz"});
  EXPECT_EQ(elsewhere.status, 2);
  EXPECT_THAT(elsewhere.err, HasSubstr("is a flow in 2 dimensions, the target has 3"));
}

TEST(AppSampleFlow, WhatWouldChangeNothingOrContradictTheFitIsRefusedByName) {
  const auto message = [](const Words& words) {
    const Outcome outcome = fitted().run(words);
    EXPECT_EQ(outcome.status, 2) << outcome.out;
    return outcome.err;
  };
  const Words plain = {"sample", "funnel", "--sampler", "flow"};
  const auto with = [&plain](const Words& more) {
    Words words = plain;
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  EXPECT_THAT(message({"sample", "funnel", "--flow", "iaf"}),
              HasSubstr("--flow belongs to --sampler flow"));
  EXPECT_THAT(message(with({"--flow-bins", "9"})),
              HasSubstr("--flow-bins does nothing under --flow realnvp"));
  EXPECT_THAT(message(with({"--steps", "9"})), HasSubstr("--steps does nothing under"));
  EXPECT_THAT(message(with({"--fit-sets", "2"})), HasSubstr("--fit-sets belongs to samplers"));
  EXPECT_THAT(message(with({"--draws", "100"})), HasSubstr("--draws would do nothing"));
  EXPECT_THAT(message(with({"--flow-layers", "0"})), HasSubstr("--flow-layers"));
  EXPECT_THAT(message({"sample", "--fitted", "run", "--flow-layers", "5"}),
              HasSubstr("fitted with --flow-layers 4, the run asks for 5"));
  EXPECT_THAT(message({"sample", "--fitted", "run", "--initial-stddev", "3"}),
              HasSubstr("fitted with --initial-stddev 2"));
  EXPECT_THAT(message({"sample", "--fitted", "run", "--fit", "5"}), HasSubstr("contradict"));
  EXPECT_THAT(message({"sample", "--fitted", "run", "--precision", "single"}),
              HasSubstr("is not a flow of --precision single"));
  EXPECT_THAT(message({"sample", "gaussian", "--fitted", "run/samples.npz"}),
              HasSubstr("there is no run/samples.json beside"));
}

TEST(AppSampleFlow, AFlowThatMissesAModeIsFoundOutByExactDraws) {
  const Workspace here;
  const Outcome outcome =
      here.run({"sample",         "mixture-4", "--radius",    "20",   "--sampler",     "flow",
                "--initial-mean", "20,0",      "--fit",       "50",   "--flow-layers", "2",
                "--flow-hidden",  "8",         "--particles", "1000", "--out",         "run",
                "--no-figures",   "--quiet"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(here.json("run/result.json")["warnings"].dump(),
              HasSubstr("exact draws of the target find mass that the flow misses"));
}

TEST(AppSampleFlow, StoppedInTheFitAndResumedItEndsWithTheSameBits) {
  const Words words = small_flow({"--fit", "60", "--fit-evaluate-every", "7", "--out", "run",
                                  "--no-figures", "--checkpoint-every", "0"});
  const Workspace whole, stopped;
  ASSERT_EQ(whole.run(words).status, 0);
  Running running(stopped, words);
  ASSERT_TRUE(running.wait_for_versions(stopped.path("run/checkpoint/state.npz"), 10));
  running.send(SIGTERM);
  ASSERT_EQ(running.wait().status, 130);
  const Outcome resumed = stopped.run({"sample", "--resume", "run", "--quiet"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  for (const char* file : {"run/samples.npz", "run/flow.npz", "run/trace.csv", "run/fit_trace.csv"})
    EXPECT_EQ(stopped.read(file), whole.read(file)) << file;
  EXPECT_EQ(without_times(stopped.json("run/result.json")),
            without_times(whole.json("run/result.json")));
}

TEST(AppSampleFlow, SamplersListsItsOptionsAndTheArchitectures) {
  const Outcome outcome = Workspace().run({"samplers", "flow"});
  ASSERT_EQ(outcome.status, 0);
  for (const char* part :
       {"--particles", "8000", "--flow-layers", "--fit ", "2000", "spline-coupling", "iaf"}) {
    EXPECT_THAT(outcome.out, HasSubstr(part));
  }
  EXPECT_THAT(outcome.out, Not(HasSubstr("--bandwidth")));
}

}  // namespace
}  // namespace ergon::testing
