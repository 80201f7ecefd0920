#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include "refusals.hpp"
#include "rl_runs.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// Beside two_seeds(): other/seed-0 and -1 of another batch, long/seed-2 of more steps.
const Workspace& several() {
  static const Workspace& here = [&]() -> const Workspace& {
    const Workspace& runs = two_seeds();
    train(runs, "Pendulum-v1", {"--batch", "16", "--seeds", "0-1", "--out", "other"});
    train(runs, "Pendulum-v1", {"--steps", "300", "--seed", "2", "--out", "long/seed-2"});
    return runs;
  }();
  return here;
}

Outcome compare(const Words& more) {
  return several().run(
      joined({"rl", "compare", "--no-figures", "--overwrite", "--out", "told"}, more));
}

Json compared(const Words& more) {
  const Outcome outcome = compare(joined(more, {"--json"}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(several().read("told/compare.json"), outcome.out);
  return Json::parse(outcome.out)["environments"];
}

double mean_at(const std::string& run, double step) {
  for (const auto& row : numbers_of(several().read(run + "/evaluations.csv"))) {
    if (row[0] == step) return row[1];
  }
  return 0.0;
}

TEST(AppRlCompare, GroupsBySettingsAndSaysByWhatTheyDiffer) {
  const Json environments = compared({"runs", "other"});
  ASSERT_EQ(environments.size(), 1u);
  const Json& pendulum = environments[0];
  EXPECT_EQ(pendulum["environment"], "Pendulum-v1");
  EXPECT_EQ(pendulum["last"], 200);
  EXPECT_EQ(pendulum["at"], Json({100, 200}));
  ASSERT_EQ(pendulum["groups"].size(), 2u);
  EXPECT_EQ(pendulum["groups"][0]["label"], "pendulum, batch 32");
  EXPECT_EQ(pendulum["groups"][1]["label"], "pendulum, batch 16");
  EXPECT_EQ(pendulum["groups"][1]["runs"].size(), 2u);
  EXPECT_EQ(pendulum["notes"], Json::array());
}

TEST(AppRlCompare, InterquartileMeansAndOddsAreThoseOfTheEvaluations) {
  const Json pendulum = compared({"runs", "other"})[0];
  std::vector<double> last;
  for (const char* run : {"runs/seed-0", "runs/seed-1", "other/seed-0", "other/seed-1"})
    last.push_back(mean_at(run, 200));
  const Json& first = pendulum["groups"][0]["at"];
  ASSERT_EQ(first.size(), 2u);
  EXPECT_NEAR(first[0]["value"], (mean_at("runs/seed-0", 100) + mean_at("runs/seed-1", 100)) / 2,
              1e-9);
  EXPECT_NEAR(first[1]["value"], (last[0] + last[1]) / 2, 1e-9);
  EXPECT_NEAR(first[1]["interval"][0], std::min(last[0], last[1]), 1e-9);
  EXPECT_NEAR(first[1]["interval"][1], std::max(last[0], last[1]), 1e-9);
  double better = 0;
  for (const int i : {0, 1}) {
    for (const int j : {2, 3}) better += last[i] > last[j] ? 0.25 : 0.0;
  }
  ASSERT_EQ(pendulum["improvements"].size(), 1u);
  EXPECT_EQ(pendulum["improvements"][0]["first"], "pendulum, batch 32");
  EXPECT_NEAR(pendulum["improvements"][0]["value"], better, 1e-9);
}

TEST(AppRlCompare, ALabelNamesItsRunsAndMakesThemOneGroup) {
  const Json groups = compared({"mine=runs", "all=other", "all=long"})[0]["groups"];
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0]["label"], "mine");
  EXPECT_EQ(groups[1]["label"], "all");
  EXPECT_EQ(groups[1]["runs"].size(), 3u);
  EXPECT_THAT(several().json("told/compare.json")["environments"][0]["notes"].dump(),
              HasSubstr("the runs of 'all' differ in more than their seed: batch 16 and others"));
}

TEST(AppRlCompare, RunsOfDifferentLengthAreComparedAsFarAsAllGo) {
  const Json one = compared({"runs", "long"})[0];
  ASSERT_EQ(one["groups"].size(), 1u) << "length alone makes no group";
  EXPECT_EQ(one["last"], 200);
  EXPECT_THAT(one["notes"].dump(), HasSubstr("long/seed-2 goes on to step 300"));
  const Json two = compared({"runs", "further=long"})[0];
  ASSERT_EQ(two["groups"].size(), 2u);
  EXPECT_EQ(two["last"], 200);
  EXPECT_EQ(two["groups"][1]["at"][1]["step"], 200);
  EXPECT_THAT(two["notes"].dump(), HasSubstr("'further' goes on to step 300; all are compared"));
}

TEST(AppRlCompare, PublishedReturnsStandBesideWithTheirProtocol) {
  const Outcome with = compare({"runs"});
  EXPECT_THAT(with.out, AllOf(HasSubstr("RL Baselines3 Zoo"), HasSubstr("-157"),
                              HasSubstr("one run of 20 000 steps at learning rate 1e-3")));
  EXPECT_THAT(several().read("told/report.html"), HasSubstr("rl-baselines3-zoo, benchmark.md"));
  EXPECT_THAT(compare({"runs", "--no-published"}).out, Not(HasSubstr("published")));
}

/// The same run as if it had gone on for longer.
void stretch_steps(const Workspace& here, const std::string& run, int factor) {
  const std::string text = here.read(run + "/evaluations.csv");
  std::string stretched = text.substr(0, text.find('\n') + 1);
  for (const auto& row : numbers_of(text)) {
    stretched += std::to_string(static_cast<int>(row[0]) * factor);
    for (std::size_t i = 1; i < row.size(); ++i) stretched += "," + std::to_string(row[i]);
    stretched += "\n";
  }
  here.write(run + "/evaluations.csv", stretched);
}

TEST(AppRlCompare, DrawsAFigureForEachEnvironmentWithPublishedCurvesAsFarAsOursGo) {
  const Workspace here;
  train(here, "Pendulum-v1", {"--out", "a"});
  train(here, "Walker2d-v4", {"--out", "b"});
  stretch_steps(here, "b", 1500);
  const Outcome outcome = here.run({"rl", "compare", "a", "b"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  if (outcome.out.find("gnuplot is missing") != std::string::npos) GTEST_SKIP() << "no gnuplot";
  EXPECT_THAT(here.list("out/rl-compare"), ElementsAre("compare.json", "curves-pendulum-v1.svg",
                                                       "curves-walker2d-v4.svg", "report.html"));
  EXPECT_THAT(here.read("out/rl-compare/curves-walker2d-v4.svg"),
              HasSubstr("SAC (MET-SVGD site), Walker2d-v2"));
  const auto published = [](const Json& json) {
    return json["environments"][1]["published"][0]["curve"]["value"][1];
  };
  EXPECT_EQ(published(here.json("out/rl-compare/compare.json")), 3573);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("400 000      3573"), Not(HasSubstr("600 000"))));
  EXPECT_THAT(outcome.out, HasSubstr("'stable-baselines3' is a single run"));
}

TEST(AppRlCompare, AnUnfinishedRunCountsUpToItsLastEvaluation) {
  const Workspace here;
  train(here, "Pendulum-v1", {"--out", "done"});
  Running running(
      here, short_training("Pendulum-v1", {"--steps", "1000000", "--seed", "1", "--out", "going"}));
  ASSERT_TRUE(running.wait_for_versions(here.path("going/evaluations.csv"), 4));
  running.send(SIGKILL);
  running.wait();
  const Outcome outcome = here.run({"rl", "compare", "done", "going", "--no-figures"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("going is not finished; it counts up to its evaluation at"));
  EXPECT_EQ(here.json("out/rl-compare/compare.json")["environments"][0]["groups"].size(), 1u);
}

TEST(AppRlCompare, EvaluationsBySingleEpisodesHaveNoStandardErrorAndAreCompared) {
  const Workspace here;
  train(here, "Pendulum-v1", {"--evaluation-episodes", "1", "--seeds", "0-1", "--out", "runs"});
  const Outcome outcome = here.run({"rl", "compare", "runs", "--no-figures"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
}

TEST(AppRlCompare, EveryKeyOfTheFileIsDocumented) {
  compared({"runs", "other"});
  std::ostringstream text;
  text << std::ifstream(ERGON_SOURCE_DIR "/docs/rl_result_schema.md").rdbuf();
  expect_documented(several().json("told/compare.json"), text.str());
}

TEST(AppRlCompare, WhatCannotBeComparedIsRefusedAndNothingIsLeft) {
  expect_all_refused(
      several(),
      {{{"rl", "compare"}, {"compare which runs?"}},
       {{"rl", "compare", "nowhere"}, {"nowhere: there is no such folder"}},
       {{"rl", "compare", "runs", "runs/seed-1"}, {"runs/seed-1 is given twice"}},
       {{"rl", "compare", "=runs"}, {"NAME=FOLDER"}},
       {{"rl", "compare", "runs", "--at", "100,201"}, {"--at 201", "no more than 200 steps"}},
       {{"rl", "compare", "runs", "--at", "99"}, {"first evaluated at step 100", "after step 99"}},
       {{"rl", "compare", "runs", "--at", "0"}, {"--at: steps are at least 1"}},
       {{"rl", "compare", "runs", "--out", "runs/seed-0", "--overwrite"},
        {"is the folder of a run"}},
       {{"rl", "compare", "runs", "--out", "other/seed-0"}, {"holds an earlier run"}}});
}

}  // namespace
}  // namespace ergon::testing
