#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "bench/gate.hpp"
#include "bench/records.hpp"
#include "bench/table.hpp"
#include "studies/statistics.hpp"

namespace ergon::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Json estimate(double value, double error) {
  return {{"estimate", value}, {"standard_error", error}};
}

/// A result.json as far as benchmarks read it.
Json result_with(double log_z, double elbo, const std::string& source = "flow") {
  Json json;
  json["status"] = "finished";
  json["target"] = {{"log_z", 1.0}};
  json["estimate"] = source;
  json["log_z"] = estimate(log_z, 0.1);
  json["elbo"] = estimate(elbo, 0.2);
  json["eubo"] = nullptr;
  json["ess_share"] = 0.5;
  json["pareto_k"] = 0.3;
  json["chains"] = nullptr;
  json["acceptance"] = nullptr;
  json["target_evaluations"] = {{"log_density", 50}, {"gradient", 30}, {"hessian_vector", 10}};
  json["seconds"] = 2.0;
  return json;
}

BenchLine line_of(SamplerKind kind = SamplerKind::kSteinFlow) {
  BenchLine line;
  line.pair.target.name = "funnel";
  line.pair.sampler.name = "flow";
  line.pair.settings.sampler.kind = kind;
  line.budget = 1000;
  return line;
}

CellGroup group_of(const std::vector<Json>& results) {
  CellGroup group;
  for (const Json& result : results) group.push_back({{}, result, ""});
  return group;
}

// ---- records

TEST(AppBenchTable, ErrorsAreThoseOverTheSeedsAndWithOneSeedTheRunsOwn) {
  const Json one = record_of(line_of(), group_of({result_with(1.5, 0.5)}));
  EXPECT_EQ(one["log_z_standard_error"], 0.1);
  EXPECT_EQ(one["log_z_error"], 0.5);
  EXPECT_EQ(one["log_z_absolute_error"], 0.5);
  EXPECT_EQ(one["log_z_absolute_error_standard_error"], 0.1);
  EXPECT_EQ(one["elbo_standard_error"], 0.2);
  EXPECT_EQ(one["evaluations"], 40);
  EXPECT_TRUE(one["seconds_standard_error"].is_null());
  const Json two = record_of(line_of(), group_of({result_with(1.5, 0.5), result_with(0.25, 0.75)}));
  EXPECT_NEAR(two["log_z"].get<double>(), 0.875, 1e-12);
  EXPECT_NEAR(two["log_z_standard_error"].get<double>(), 0.625, 1e-12);  // |1.5 - 0.25| / 2
  EXPECT_NEAR(two["log_z_absolute_error"].get<double>(), 0.625, 1e-12);  // (0.5 + 0.75) / 2
  EXPECT_NEAR(two["log_z_reported_error"].get<double>(), 0.1 / std::sqrt(2.0), 1e-12);
  EXPECT_EQ(two["runs"], 2);
}

TEST(AppBenchTable, TheUsersReferenceStandsBeforeTheTargetsOwn) {
  BenchLine line = line_of();
  line.pair.target.reference = 3.0;
  line.pair.target.reference_error = 0.25;
  const Json own = record_of(line, group_of({result_with(1.5, 0.5)}));
  EXPECT_EQ(own["reference"], 3.0);
  EXPECT_EQ(own["reference_standard_error"], 0.25);
  Json result = result_with(1.5, 0.5);
  result["target"]["log_z_standard_error"] = 0.05;
  const Json given = record_of(line_of(), group_of({result}));
  EXPECT_EQ(given["reference"], 1.0);
  EXPECT_EQ(given["reference_standard_error"], 0.05);
}

TEST(AppBenchTable, TheReferenceRunsLogZStandsWhereNobodyKnowsABetterOne) {
  BenchLine line = line_of();
  line.pair.reference.log_z = 2.0;
  line.pair.reference.log_z_error = 0.125;
  const Json known = record_of(line, group_of({result_with(1.5, 0.5)}));
  EXPECT_EQ(known["reference"], 1.0);
  EXPECT_FALSE(known["reference_by_run"].get<bool>());
  Json result = result_with(1.5, 0.5);
  result["target"]["log_z"] = nullptr;
  const Json by_run = record_of(line, group_of({result}));
  EXPECT_EQ(by_run["reference"], 2.0);
  EXPECT_EQ(by_run["reference_standard_error"], 0.125);
  EXPECT_EQ(by_run["log_z_error"], -0.5);
  EXPECT_TRUE(by_run["reference_by_run"].get<bool>());
  line.pair.target.reference = 3.0;
  EXPECT_EQ(record_of(line, group_of({result}))["reference"], 3.0);
}

TEST(AppBenchTable, FailedRunsCountAndTheFirstOnesMessageIsKept) {
  CellGroup group = group_of({result_with(1.5, 0.5)});
  group.push_back({{}, nullptr, "it broke"});
  const Json record = record_of(line_of(), group);
  EXPECT_EQ(record["runs"], 2);
  EXPECT_EQ(record["finished_runs"], 1);
  EXPECT_EQ(record["failure"], "it broke");
  EXPECT_EQ(record["log_z"], 1.5);
  BenchLine line = line_of();
  line.skipped = "too small";
  const Json none = record_of(line, {});
  EXPECT_EQ(none["not_run"], "too small");
  EXPECT_TRUE(none["log_z"].is_null());
  EXPECT_TRUE(none["reference"].is_null());
}

TEST(AppBenchTable, ChainsAreMeasuredPerThousandEvaluationsAndByTheWorstRHat) {
  const auto chains = [](double ess, double r_hat) {
    Json json = result_with(1, 1);
    json["chains"] = {{"bulk_ess_min", ess}, {"r_hat_max", r_hat}};
    return json;
  };
  const Json record = record_of(line_of(), group_of({chains(4, 1.02), chains(8, 1.01)}));
  EXPECT_NEAR(record["bulk_ess_per_1000_evaluations"].get<double>(), 150.0, 1e-9);
  EXPECT_NEAR(record["bulk_ess_per_1000_evaluations_standard_error"].get<double>(), 50.0, 1e-9);
  EXPECT_EQ(record["largest_r_hat"], 1.02);
}

TEST(AppBenchTable, DistancesBecomeColumnsWithErrorsOverTheSeeds) {
  const auto distance = [](double value) {
    Json json = result_with(1, 1);
    json["metrics"] = Json::array(
        {{{"name", "w2"}, {"estimate", value}, {"standard_error", 0.5}, {"floor", 0.25}},
         {{"name", "mmd2"}, {"estimate", nullptr}}});
    return json;
  };
  const Json two = record_of(line_of(), group_of({distance(1), distance(2)}));
  EXPECT_EQ(two["metric_w2"], 1.5);
  EXPECT_EQ(two["metric_w2_standard_error"], 0.5);
  EXPECT_EQ(two["metric_w2_floor"], 0.25);
  EXPECT_TRUE(two["metric_mmd2"].is_null());
  EXPECT_EQ(record_of(line_of(), group_of({distance(1)}))["metric_w2_standard_error"], 0.5);
  EXPECT_THAT(metric_names(Json::array({two})), ElementsAre("w2", "mmd2"));
}

// ---- the gate

Json gate_record(double elbo, double elbo_error, SamplerKind kind, const std::string& source) {
  Json result = result_with(1.0, elbo, source);
  result["elbo"] = estimate(elbo, elbo_error);
  return record_of(line_of(kind), group_of({result}));
}

TEST(AppBenchGate, ALowerBoundAboveTheReferenceByMoreThanFourErrorsFails) {
  const auto violations = [](double elbo, double error) {
    return judge(Json::array({gate_record(elbo, error, SamplerKind::kSteinFlow, "flow")}))
        .violations;
  };
  EXPECT_THAT(violations(1.39, 0.1), IsEmpty());
  EXPECT_THAT(violations(1.41, 0.1), ElementsAre(HasSubstr("ELBO")));
  EXPECT_THAT(violations(-50.0, 0.1), IsEmpty()) << "a loose bound is a bound";
  EXPECT_THAT(violations(1.0 + 1e-6, 0.0), IsEmpty()) << "rounding";
  EXPECT_THAT(violations(1.01, 0.0), ElementsAre(HasSubstr("above the reference")));
}

TEST(AppBenchGate, TheReferencesOwnErrorCounts) {
  BenchLine line = line_of();
  line.pair.target.reference = 1.0;
  line.pair.target.reference_error = 0.3;
  Json result = result_with(1.0, 0.0);
  result["elbo"] = estimate(2.9, 0.4);  // 3.8 times 0.5
  EXPECT_THAT(judge(Json::array({record_of(line, group_of({result}))})).violations, IsEmpty());
  result["elbo"] = estimate(3.1, 0.4);
  EXPECT_EQ(judge(Json::array({record_of(line, group_of({result}))})).violations.size(), 1u);
}

TEST(AppBenchGate, TheLargerOfTheErrorsOverSeedsAndOfTheRunsDecides) {
  // Both seeds agree by chance: their spread is zero, the runs report 0.2 each.
  const auto twice = [](double elbo) {
    return judge(Json::array({record_of(line_of(),
                                        group_of({result_with(1, elbo), result_with(1, elbo)}))}))
        .violations;
  };
  EXPECT_THAT(twice(1.5), IsEmpty());  // 3.5 times 0.2 / sqrt 2
  EXPECT_EQ(twice(1.6).size(), 1u);
}

TEST(AppBenchGate, AnUpperBoundBelowTheReferenceFails) {
  Json result = result_with(1.0, 0.5);
  result["eubo"] = estimate(0.5, 0.1);
  EXPECT_THAT(judge(Json::array({record_of(line_of(), group_of({result}))})).violations,
              ElementsAre(HasSubstr("EUBO 0.5000 ± 0.1000 is 5.0 standard errors below")));
  result["eubo"] = estimate(1.9, 0.1);
  const GateVerdict verdict = judge(Json::array({record_of(line_of(), group_of({result}))}));
  EXPECT_THAT(verdict.violations, IsEmpty());
  EXPECT_EQ(verdict.checked, 2u);
}

TEST(AppBenchGate, WeightsOfExactDensitiesBoundAndFirstOrderDensitiesAreOnlyFlagged) {
  for (const auto kind : {SamplerKind::kLaplace, SamplerKind::kAis, SamplerKind::kSmc}) {
    EXPECT_EQ(judge(Json::array({gate_record(3, 0.1, kind, "particles")})).violations.size(), 1u);
  }
  const GateVerdict verdict =
      judge(Json::array({gate_record(3, 0.1, SamplerKind::kPSvgd, "particles")}));
  EXPECT_THAT(verdict.violations, IsEmpty());
  EXPECT_THAT(verdict.flags, ElementsAre(HasSubstr("no bound")));
  EXPECT_EQ(verdict.checked, 0u);
}

TEST(AppBenchGate, AFarEstimateOfLogZAndABoundWithoutErrorAreFlagged) {
  const GateVerdict far = judge(Json::array({record_of(line_of(), group_of({result_with(0, 0)}))}));
  EXPECT_THAT(far.violations, IsEmpty());
  EXPECT_THAT(far.flags, ElementsAre(HasSubstr("log Z 0.0000 ± 0.1000 is 10.0")));
  EXPECT_THAT(judge(Json::array({record_of(line_of(), group_of({result_with(0.6, 0)}))})).flags,
              IsEmpty());
  Json single = result_with(0, 0);
  single["log_z"]["standard_error"] = 0.0;
  EXPECT_THAT(judge(Json::array({record_of(line_of(), group_of({single}))})).flags, IsEmpty());
  Json result = result_with(1, 3);
  result["elbo"]["standard_error"] = nullptr;
  const GateVerdict none = judge(Json::array({record_of(line_of(), group_of({result}))}));
  EXPECT_THAT(none.violations, IsEmpty());
  EXPECT_THAT(none.flags, ElementsAre(HasSubstr("no standard error")));
}

TEST(AppBenchGate, WithoutAReferenceNothingIsJudged) {
  Json result = result_with(1, 3);
  result["target"]["log_z"] = nullptr;
  EXPECT_EQ(judge(Json::array({record_of(line_of(), group_of({result}))})).checked, 0u);
}

// ---- the page

TEST(AppBenchTable, ThePageLeavesOutEmptyColumnsAndSaysWhatWasNotRun) {
  BenchFile file;
  file.name = "both";
  file.targets.push_back(line_of().pair.target);
  BenchLine skipped = line_of();
  skipped.skipped = "too small";
  BenchLine larger = skipped;
  larger.budget = 2000;
  const Json records =
      Json::array({record_of(line_of(), group_of({result_with(1.5, 0.5), result_with(1.25, 0.75)})),
                   record_of(skipped, {}), record_of(larger, {})});
  const std::string page = bench_markdown(file, "0-1", records, Json::array(), judge(records));
  EXPECT_THAT(page, HasSubstr("Reference log Z: 1."));
  EXPECT_THAT(page, HasSubstr("| flow | 1000 | 0.38 ± 0.12 | -0.38 ± 0.12 |"));
  EXPECT_THAT(page, HasSubstr("* flow at 1000, 2000: not run: too small"));
  EXPECT_THAT(page, Not(HasSubstr("R̂ max")));
  EXPECT_THAT(page, HasSubstr("none is violated"));
}

TEST(AppBenchTable, DistancesStandBesideThoseOfExactDrawsAndTinyErrorsStayShort) {
  BenchFile file;
  file.targets.push_back(line_of().pair.target);
  Json result = result_with(1 + 1e-15, 1 - 1e-14);
  result["log_z"]["standard_error"] = 1e-15;
  result["elbo"] = estimate(0.9999, 3e-8);
  result["pareto_k"] = -1e9;
  result["metrics"] = Json::array(
      {{{"name", "w2"}, {"estimate", 1.0}, {"standard_error", 0.5}, {"floor", 0.25}},
       {{"name", "mmd2"}, {"estimate", 0.5}, {"standard_error", nullptr}, {"floor", 0.0}}});
  const Json records = Json::array({record_of(line_of(), group_of({result}))});
  EXPECT_THAT(
      bench_markdown(file, "0", records, Json::array(), judge(records)),
      HasSubstr("| 1000 | 0 | -0.0001 ± 3e-08 | 0.5 | −∞ | 1.00 ± 0.50 (0.25) | 0.5 | 40 |"));
}

TEST(AppBenchTable, ThePageSaysWhatTheReferenceRunWasAndWhetherItConverged) {
  BenchFile file;
  file.targets.push_back(line_of().pair.target);
  const Json records = Json::array({record_of(line_of(), group_of({result_with(1.5, 0.5)}))});
  Json run = {{"target", "funnel"},   {"sampler", "nuts"}, {"finished", true},
              {"failure", nullptr},   {"chains", 4},       {"draws", 500},
              {"r_hat", 1.0042},      {"converged", true}, {"bulk_ess", 321.4},
              {"evaluations", 2.5e6}, {"seconds", 12.34}};
  const auto page = [&] { return bench_markdown(file, "0", records, Json::array({run}), {}); };
  EXPECT_THAT(page(), HasSubstr("Reference run: nuts, 4 chains of 500 draws, R̂ 1.0042, bulk ESS "
                                "321, 2.50e+06 evaluations, 12.3 s.\n"));
  run["r_hat"] = 1.02;
  run["converged"] = false;
  EXPECT_THAT(page(), HasSubstr("12.3 s. **Its R̂ is not below 1.01"));
  run["finished"] = false;
  run["failure"] = "it broke";
  EXPECT_THAT(page(), HasSubstr("The reference run by nuts failed: it broke\n"));
  run["target"] = "another";
  EXPECT_THAT(page(), Not(HasSubstr("eference run")));
}

TEST(AppBenchTable, ApproximateNumbersAreMarked) {
  BenchFile file;
  file.targets.push_back(line_of().pair.target);
  const Json records = Json::array({gate_record(3, 0.1, SamplerKind::kPSvgd, "particles")});
  EXPECT_THAT(bench_markdown(file, "0", records, Json::array(), judge(records)),
              HasSubstr("2.00 ± 0.10†"));
}

}  // namespace
}  // namespace ergon::app
