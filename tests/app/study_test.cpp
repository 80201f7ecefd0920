#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <sstream>

#include "program.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const Words kStudies = {"learned-entropy", "calibration",      "log-z",
                        "evidence",        "entropy-accuracy", "path-gradients"};

/// A quick study in the folder "table"; more words follow.
Words quick(const std::string& name, const Words& more = {}) {
  Words words = {"study", name, "--quick", "--quiet", "--jobs", "2", "--out", "table"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// One clear sentence on stderr, status 2, and nothing left behind.
void expect_refused(const Words& words, const Words& says) {
  SCOPED_TRACE(::testing::PrintToString(words));
  const Workspace here;
  const Outcome outcome = here.run(words);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  for (const auto& part : says) EXPECT_THAT(outcome.err, HasSubstr(part));
  EXPECT_TRUE(here.list().empty());
}

/// Runs the study and checks what every study leaves behind.
Json run_quick(const Workspace& here, const std::string& name, const Words& more = {}) {
  const Outcome outcome = here.run(quick(name, more));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("| "));
  EXPECT_EQ(outcome.out, here.read("table/table.md"));
  const Json table = here.json("table/table.json");
  EXPECT_EQ(table["schema"], "ergon-study-" + name + "/1");
  EXPECT_THAT(table["command"].get<std::string>(), StartsWith("ergon study " + name + " --quick"));
  EXPECT_TRUE(table["quick"].get<bool>());
  EXPECT_FALSE(table["revision"].get<std::string>().empty());
  EXPECT_GT(table["machine"]["cores"].get<int>(), 0);
  EXPECT_EQ(table["run_revisions"].size(), table["runs"] > 0 ? 1u : 0u);
  const std::string csv = here.read("table/table.csv");
  EXPECT_EQ(static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n')),
            table["rows"].size() + 1);
  return table;
}

TEST(AppStudy, WithoutANameTheStudiesAreListedOneALine) {
  const Outcome outcome = Workspace().run({"study"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(static_cast<std::size_t>(std::count(outcome.out.begin(), outcome.out.end(), '\n')),
            kStudies.size());
  for (const auto& name : kStudies) EXPECT_THAT(outcome.out, HasSubstr("  " + name + " "));
}

TEST(AppStudy, EveryStudyHasAPageThatNamesItsRowsAndSeeds) {
  const Workspace here;
  for (const auto& name : kStudies) {
    const Outcome outcome = here.run({"study", name, "--help"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out, AllOf(StartsWith("Usage: ergon study " + name), HasSubstr("\nRows\n"),
                                   HasSubstr(name == "evidence" ? "brownian" : "mixture-4"),
                                   HasSubstr("\nSeeds\n")));
  }
}

TEST(AppStudy, WrongWordsAreRefusedBeforeAnythingRuns) {
  expect_refused({"study", "calibratoin"},
                 {"unknown study 'calibratoin'", "did you mean calibration?", "log-z"});
  expect_refused({"study", "--jobs", "2"}, {"which study?"});
  expect_refused({"study", "log-z", "--only", "funel-10"},
                 {"unknown row 'funel-10'", "did you mean funnel-10?", "many-well-32"});
  expect_refused({"study", "learned-entropy", "--seeds", "0,0"}, {"--seeds: 0 is given twice"});
  expect_refused({"study", "learned-entropy", "--seeds", "0-2,1"}, {"--seeds: 1 is given twice"});
  expect_refused({"study", "learned-entropy", "--jobs", "0"}, {"--jobs", "not between 1 and"});
  expect_refused({"study", "calibration", "--lengths", "50"}, {"--lengths", "no lengths"});
  expect_refused({"study", "calibration", "--data-folder", "x"}, {"--data-folder", "no data"});
  expect_refused({"study", "entropy-accuracy", "--lengths", "50,0"}, {"--lengths: 0"});
}

TEST(AppStudy, LearnedEntropyComputesCellsOnceAndWritesTheTableThreeWays) {
  const Workspace here;
  const Words only = {"--only", "gaussian-worked"};
  const Json table = run_quick(here, "learned-entropy", only);
  const std::string markdown = here.read("table/table.md");
  EXPECT_THAT(markdown, HasSubstr("| gaussian-worked | 3.41"));
  const Json& rows = table["rows"];
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["sampler"], "p-svgd");
  EXPECT_EQ(rows[1]["sampler"], "met-svgd");
  EXPECT_EQ(rows[1]["seeds"], 2);
  EXPECT_GT(rows[1]["standard_error"].get<double>(), 0.0);
  EXPECT_THAT(here.read("table/table.csv"), HasSubstr("gaussian-worked,met-svgd,3.41"));

  const std::string cell = "table/gaussian-worked/met-svgd/seed-1/result.json";
  const std::string before = here.read(cell);
  EXPECT_EQ(Json::parse(before)["options"]["estimate"]["estimate"], "particles");
  Words again = quick("learned-entropy", only);
  again.emplace_back("--json");
  const Outcome second = here.run(again);
  EXPECT_EQ(second.out, here.read("table/table.json"));
  EXPECT_EQ(Json::parse(second.out)["rows"], rows);
  EXPECT_EQ(here.read("table/table.md"), markdown);
  EXPECT_EQ(here.read(cell), before) << "a finished cell was computed again";
}

TEST(AppStudy, PathGradientsAreTabulatedFromFitsOfFlowsAndTheirTraces) {
  const Workspace here;
  const Words only = {"--only", "sixteen-points"};
  const Json table = run_quick(here, "path-gradients", only);
  ASSERT_EQ(table["rows"].size(), 2u);
  for (const Json& row : table["rows"]) {
    const std::string folder =
        "table/sixteen-points/" + row["gradient"].get<std::string>() + "/seed-0/";
    const Json result = here.json(folder + "result.json");
    EXPECT_EQ(result["schema"], "ergon-fit-flow-result/1");
    EXPECT_EQ(row["ess_share"], result["ess_share"]);
    EXPECT_EQ(row["nll_minus_entropy"], result["nll_minus_entropy"]["estimate"]);
    const std::string trace = here.read(folder + "trace.csv");
    const std::string last = trace.substr(trace.rfind('\n', trace.size() - 2) + 1);
    EXPECT_THAT(last, HasSubstr("20,"));
    std::istringstream line(last);
    std::string number;
    for (int column = 0; column < 5; ++column) std::getline(line, number, ',');
    EXPECT_EQ(row["last_held_out"].get<double>(), std::stod(number));
  }
  const std::string cell = "table/sixteen-points/forward-path/seed-0/result.json";
  const std::string before = here.read(cell);
  EXPECT_EQ(here.run(quick("path-gradients", only)).status, 0);
  EXPECT_EQ(here.read(cell), before) << "a finished cell was computed again";
}

TEST(AppStudy, CalibrationCountsWhatCoversAndWhatWarns) {
  const Workspace here;
  const Json table = run_quick(here, "calibration");
  EXPECT_EQ(table["seeds"], Json({0, 1}));
  ASSERT_EQ(table["rows"].size(), 8u) << "four targets, two quantities";
  // The counts again, from the runs themselves.
  for (const Json& row : table["rows"]) {
    const auto target = row["target"].get<std::string>();
    const auto quantity = row["quantity"].get<std::string>();
    int covered = 0, large = 0;
    for (const char* seed : {"0", "1"}) {
      const Json run = here.json("table/" + target + "/seed-" + seed + "/result.json");
      const Json& interval = run[quantity]["interval"];
      const double known = run["target"][quantity];
      if (interval.is_array() && interval[0] <= known && interval[1] >= known) ++covered;
      if (run["pareto_k"].is_number() && run["pareto_k"] > 0.7) ++large;
    }
    EXPECT_EQ(row["coverage"].get<double>(), covered / 2.0) << target << " " << quantity;
    EXPECT_EQ(row["runs_with_large_pareto_k"], large) << target;
    EXPECT_EQ(row["of_those_warned"], large) << "no warning in spite of a large Pareto k";
  }
  EXPECT_GT(table["rows"][7]["runs_with_large_pareto_k"].get<int>(), 0)
      << "the funnel with a narrow q0 tests no warning";
  EXPECT_THAT(here.read("table/table.md"), Not(HasSubstr("funnel-10-narrow-q0, log Z")));
}

TEST(AppStudy, LogZJudgesItsRowsAndNamesTheOneItLeavesOut) {
  const Workspace here;
  const Words only = {"--only", "mixture-4,gaussian-10,german-credit"};
  const Outcome outcome = here.run(quick("log-z", only));
  EXPECT_THAT(outcome.err, HasSubstr("german-credit is left out"));
  const Json table = run_quick(here, "log-z", only);
  ASSERT_EQ(table["rows"].size(), 2u);
  for (const Json& row : table["rows"]) {
    const double error = row["error"];
    const double errors = std::abs(error) / row["standard_error_of_mean"].get<double>();
    const bool fails =
        errors > 3 || (row["largest_pareto_k"].is_number() && row["largest_pareto_k"] > 0.7);
    const auto verdict = row["verdict"].get<std::string>();
    if (fails) EXPECT_THAT(verdict, StartsWith("fails: "));
    EXPECT_NEAR(row["log_z"].get<double>() - row["reference_log_z"].get<double>(), error, 1e-12);
  }
  EXPECT_THAT(here.read("table/table.md"), HasSubstr("german-credit was left out"));
  // Trace of the covariance: eigenvalues from 0.3 to 3 by equal factors.
  std::ifstream file(here.path("table/gaussian-10-covariance.csv"));
  double trace = 0.0, expected = 0.0;
  std::string line;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(std::getline(file, line));
    for (int j = 0; j < i; ++j) line.erase(0, line.find(',') + 1);
    trace += std::stod(line);
    expected += 0.3 * std::pow(10.0, i / 9.0);
  }
  EXPECT_NEAR(trace, expected, 1e-12);
}

TEST(AppStudy, LogZSaysWhichRunsStoppedAndWhy) {
  const Workspace here;
  ASSERT_EQ(mkdir(here.path("data").c_str(), 0755), 0);
  here.write("data/german_credit.csv", "a,b\n1,2\n");  // no posterior can be made of it
  const Json table = run_quick(here, "log-z", {"--only", "german-credit", "--data-folder", "data"});
  EXPECT_EQ(table["rows"][0]["finished_runs"], 0);
  EXPECT_TRUE(table["rows"][0]["log_z"].is_null());
  EXPECT_THAT(table["rows"][0]["verdict"].get<std::string>(),
              AllOf(StartsWith("fails: 1 of 1 runs stopped"), HasSubstr("german_credit.csv")));
}

TEST(AppStudy, EntropyAccuracyKeepsTheBudgetOfEvaluations) {
  const Workspace here;
  const Json table = run_quick(here, "entropy-accuracy", {"--only", "gaussian-worked,mixture-4"});
  ASSERT_EQ(table["rows"].size(), 12u) << "two targets, two lengths, three methods";
  for (std::size_t i = 0; i < 12; i += 3) {
    const double budget = table["rows"][i + 1]["mean_evaluations"];
    EXPECT_NEAR(table["rows"][i]["mean_evaluations"].get<double>(), budget, 0.02 * budget);
    EXPECT_LE(table["rows"][i + 2]["mean_evaluations"].get<double>(), budget);
  }
  EXPECT_THAT(here.read("table/table.md"), Not(HasSubstr("budget was not kept")));
  const Json& totals = table["totals"];
  ASSERT_EQ(totals.size(), 3u) << "two targets and all";
  double sum = 0.0;
  for (std::size_t i = 0; i < 12; i += 3)
    sum += table["rows"][i]["mean_absolute_error"].get<double>();
  EXPECT_NEAR(totals[2]["p-svgd"]["mean_absolute_error"].get<double>(), sum / 4, 1e-12);
}

TEST(AppStudy, CtrlCStopsTheRunsAndTheSameCommandGoesOn) {
  const Workspace here;
  const Words words = quick("calibration", {"--only", "gaussian-worked", "--seeds", "0-7"});
  Running running(here, words);
  const std::string first = "table/gaussian-worked/seed-0/result.json";
  ASSERT_TRUE(running.wait_for_versions(here.path(first), 1));
  running.send(SIGINT);
  const Outcome stopped = running.wait();
  EXPECT_EQ(stopped.status, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("the same command continues"));
  EXPECT_FALSE(here.has("table/table.json"));
  EXPECT_FALSE(here.has("table/gaussian-worked/seed-7/result.json")) << "this tests nothing";
  const std::string before = here.read(first);
  const Outcome continued = here.run(words);
  EXPECT_EQ(continued.status, 0) << continued.err;
  EXPECT_EQ(here.read(first), before) << "a finished cell was computed again";
  EXPECT_EQ(here.json("table/table.json")["rows"][0]["runs"], 8);
}

}  // namespace
}  // namespace ergon::testing
