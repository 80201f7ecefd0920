#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "program.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kTiny =
    "[bench]\ndescription = \"Two samplers.\"\nseeds = \"0-1\"\nbudgets = [400, 3000]\n"
    "metrics = false\n"
    "[targets.worked]\ntarget = \"gaussian-worked\"\ninitial-stddev = 2.4495\n"
    "[samplers.svgd]\nparticles = 20\nsets = 1\nestimate = \"particles\"\n"
    "[samplers.flow]\nsampler = \"stein-flow\"\nparticles = 10\nsteps = 3\ndraws = 500\n"
    "fit-draws = 32\n";

Words bench(const Words& more = {}) {
  Words words = {"bench", "tiny.toml", "--quiet", "--jobs", "2", "--out", "table"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void expect_refused(const Workspace& here, const Words& words, const Words& says) {
  SCOPED_TRACE(::testing::PrintToString(words));
  const Outcome outcome = here.run(words);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  for (const auto& part : says) EXPECT_THAT(outcome.err, HasSubstr(part));
  EXPECT_FALSE(here.has("table"));
}

TEST(AppBench, MistakesAreRefusedBeforeAnythingRuns) {
  const Workspace here;
  here.write("tiny.toml", kTiny);
  here.write("wrong.toml", std::string(kTiny) + "[samplers.other]\nsampler = \"svdg\"\n");
  expect_refused(here, {"bench"}, {"which benchmark?", "quick.toml"});
  expect_refused(here, {"bench", "missing.toml"}, {"missing.toml"});
  expect_refused(here, {"bench", "wrong.toml"}, {"worked/other", "did you mean svgd?"});
  expect_refused(here, bench({"--only", "flaw"}), {"--only", "did you mean flow?"});
  expect_refused(here, bench({"--seeds", "0,0"}), {"--seeds: 0 is given twice"});
  expect_refused(here, bench({"--budgets", "0"}), {"--budgets"});
  expect_refused(here, bench({"--jobs", "0"}), {"--jobs"});
}

TEST(AppBench, ATinyBenchmarkWritesItsTableThreeWaysWithPictures) {
  const Workspace here;
  here.write("tiny.toml", kTiny);
  const Outcome outcome = here.run(bench());
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, here.read("table/table.md"));
  EXPECT_THAT(outcome.out, AllOf(StartsWith("# tiny\n\nTwo samplers."), HasSubstr("## worked"),
                                 HasSubstr("none is violated")));
  const Json table = here.json("table/table.json");
  EXPECT_EQ(table["schema"], "ergon-bench/1");
  EXPECT_EQ(table["command"], "ergon bench tiny.toml --quiet --jobs 2 --out table");
  EXPECT_EQ(table["seeds"], Json({0, 1}));
  EXPECT_TRUE(table["gate"]["passed"].get<bool>());
  ASSERT_EQ(table["rows"].size(), 4u) << "two samplers, two budgets";
  const Json& flow = table["rows"][3];
  EXPECT_EQ(flow["sampler"], "flow");
  EXPECT_EQ(flow["finished_runs"], 2);
  EXPECT_TRUE(flow["elbo_is_bound"].get<bool>());
  EXPECT_LE(flow["evaluations"].get<double>(), 3000);
  EXPECT_GT(flow["evaluations"].get<double>(), 2000) << "the budget is hardly used";
  EXPECT_GT(flow["pilot_evaluations"].get<double>(), 0);
  EXPECT_TRUE(table["rows"][2]["not_run"].is_string()) << "400 evaluations pay for no fit";
  EXPECT_GE(table["rows"][1]["evaluations"].get<double>(), 3000);
  const std::string csv = here.read("table/table.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
  for (const Json& picture : table["pictures"])
    EXPECT_THAT(here.read("table/" + picture.get<std::string>()), HasSubstr("<svg"));
}

TEST(AppBench, FinishedRunsAreNotComputedAgainAndAnInterruptedBenchmarkGoesOn) {
  const Workspace here;
  here.write("tiny.toml", kTiny);
  const Words words = bench({"--seeds", "0-5", "--only", "flow", "--budgets", "3000"});
  Running running(here, words);
  const std::string first = "table/worked/flow/3000/seed-0/result.json";
  ASSERT_TRUE(running.wait_for_versions(here.path(first), 1));
  running.send(SIGINT);
  const Outcome stopped = running.wait();
  EXPECT_EQ(stopped.status, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("the same command continues"));
  EXPECT_FALSE(here.has("table/table.json"));
  EXPECT_FALSE(here.has("table/worked/flow/3000/seed-5/result.json")) << "this tests nothing";
  const std::string before = here.read(first);
  const Outcome continued = here.run(words);
  EXPECT_EQ(continued.status, 0) << continued.err;
  EXPECT_EQ(here.read(first), before) << "a finished cell was computed again";
  EXPECT_EQ(here.json("table/table.json")["rows"][0]["finished_runs"], 6);
}

TEST(AppBench, ADryRunPrintsTheRunsAndLeavesNothing) {
  const Workspace here;
  here.write("tiny.toml", kTiny);
  const Outcome outcome = here.run(bench({"--dry-run"}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("ergon sample gaussian-worked --sampler=svgd"),
                                 HasSubstr("--evaluations=3000"), HasSubstr("--seed=1"),
                                 HasSubstr("--out table/worked/svgd/3000/seed-1"),
                                 HasSubstr("--fit=2"), HasSubstr("# worked/flow: 4 runs")));
  EXPECT_FALSE(here.has("table"));
}

TEST(AppBench, AFailedRunIsPartOfTheTableAndOnlyNothingButFailuresIsAnError) {
  const Workspace here;
  here.write("empty.csv", "a,b\n1,2\n");  // no posterior can be made of it
  here.write("tiny.toml", std::string(kTiny) + "[targets.logistic]\ndata = \"empty.csv\"\n");
  const Outcome some = here.run(bench({"--only", "svgd", "--budgets", "400"}));
  EXPECT_EQ(some.status, 0) << some.err;
  EXPECT_THAT(some.err, HasSubstr("2 of the runs failed"));
  EXPECT_THAT(some.out, HasSubstr("* svgd at 400: failed: "));
  EXPECT_EQ(here.json("table/table.json")["rows"][1]["finished_runs"], 0);
  const Outcome none = here.run(bench({"--only", "logistic/svgd", "--budgets", "400"}));
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("no run finished"));
}

TEST(AppBench, ABoundAboveTheReferenceFailsTheBenchmark) {
  const Workspace here;
  here.write("tiny.toml", std::string(kTiny) +
                              "[targets.refuted]\ntarget = \"gaussian-worked\"\n"
                              "initial-stddev = 2.4495\nreference = -3.0\n");
  const Outcome outcome = here.run(bench({"--only", "refuted/flow", "--budgets", "3000"}));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("refuted/flow at 3000: ELBO"),
                                 HasSubstr("above the reference log Z -3")));
  EXPECT_THAT(outcome.out, HasSubstr("* FAILS: refuted/flow"));
  EXPECT_FALSE(here.json("table/table.json")["gate"]["passed"].get<bool>());
}

constexpr const char* kUnknown =  // neither exact draws nor log Z are known of it
    "[bench]\nseeds = \"0\"\nbudgets = [1200]\n[targets.dw4]\ninitial-stddev = 3\n"
    "metric-draws = 25\n[samplers.hmc]\nparticles = 4\nsets = 1\n"
    "[references.dw4]\nsampler = \"parallel-tempering\"\nparticles = 2\nsets = 2\n"
    "replicas = 3\nsteps = ";

TEST(AppBench, AReferenceRunIsMadeFirstAndStandsForExactDrawsAndLogZ) {
  const Workspace here;
  const std::string result = "table/dw4/hmc/1200/seed-0/result.json";
  here.write("tiny.toml", kUnknown + std::string("60\n"));
  const Outcome dry = here.run(bench({"--dry-run"}));
  EXPECT_THAT(dry.out, AllOf(HasSubstr("--out table/dw4/reference"),
                             HasSubstr("# dw4/hmc: 1 runs, whose options follow from the ref")));
  const Outcome first = here.run(bench());
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.out, AllOf(HasSubstr("Reference run: parallel-tempering, 4 chains"),
                               HasSubstr("**Its R̂ is not below 1.01"), HasSubstr("| w2 |"),
                               HasSubstr(", by the reference run.")));
  const Json table = here.json("table/table.json");
  EXPECT_FALSE(table["references"][0]["converged"].get<bool>());
  EXPECT_EQ(table["rows"][0]["reference"],
            here.json("table/dw4/reference/result.json")["log_z"]["estimate"]);
  EXPECT_GT(table["rows"][0]["metric_energy_w2"].get<double>(), 0);
  const std::string made = here.read(result);
  const Outcome again =
      here.run(bench({"--out", here.path("table")}));  // another way to the folder
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(here.read(result), made) << "a finished cell was computed again";
  here.write("tiny.toml", kUnknown + std::string("70\n"));
  const Outcome changed = here.run(bench());
  EXPECT_EQ(changed.status, 0) << changed.err;
  EXPECT_THAT(changed.err, AllOf(HasSubstr("dw4/reference was made with other settings"),
                                 HasSubstr("seed-0 was made with other settings")));
  EXPECT_NE(here.read(result), made);
}

TEST(AppBench, ARunWithTooFewDrawsOrNoneAtAllIsNoReference) {
  const Workspace here;
  here.write("tiny.toml", kUnknown + std::string("12\n"));
  const Outcome few = here.run(bench());
  EXPECT_EQ(few.status, 2);
  EXPECT_THAT(few.err, AllOf(HasSubstr("dw4/hmc: the reference run keeps"),
                             HasSubstr("lower metric-draws")));
  here.write("tiny.toml", kUnknown + std::string("60\ninitial-stddev = 1e300\n"));
  const Outcome failed = here.run(bench());
  EXPECT_EQ(failed.status, 1) << failed.err;
  EXPECT_THAT(failed.out,
              HasSubstr("* hmc at 1200: failed: the reference run of its target failed: "));
}

TEST(AppBench, TheFilesOfTheRepositoryCanBePlanned) {
  const Workspace here;
  for (const std::string name : {"quick", "full"}) {
    const Outcome outcome = here.run(
        {"bench", std::string(ERGON_SOURCE_DIR) + "/benchmarks/" + name + ".toml", "--dry-run"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("--sampler=nuts"), HasSubstr("--sampler=smc"),
                                   Not(HasSubstr("failed"))));
  }
}

}  // namespace
}  // namespace ergon::testing
