#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "bench/plan.hpp"
#include "bench/references.hpp"
#include "ergon/core/errors.hpp"

namespace ergon::app {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kHead = "[bench]\nbudgets = [1000, 100000]\nmetrics = false\n";

/// A file of the system's temporary folder, removed at the end.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& text)
      : path_(
            (std::filesystem::temp_directory_path() / (std::to_string(getpid()) + name)).string()) {
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

BenchFile parse(const std::string& text, const std::string& data_folder = "") {
  const TemporaryFile file("-bench.toml", text);
  return read_bench_file(file.path(), data_folder);
}

std::vector<BenchPair> plan(const std::string& text, const std::string& only = "") {
  return plan_pairs(parse(text), {"here", only});
}

/// The message with which the text is refused, by the reader or the planner.
std::string refusal(const std::string& text, const std::string& only = "") {
  try {
    plan(text, only);
  } catch (const InvalidInput& error) {
    return error.what();
  }
  return "accepted";
}

/// The one pair of gaussian-worked with a sampler.
BenchPair pair_with(const std::string& sampler, const std::string& options = "") {
  return plan(kHead + std::string("[targets.gaussian-worked]\n[samplers.s]\nsampler = \"") +
              sampler + "\"\n" + options)
      .at(0);
}

TEST(AppBenchPlan, AFileNamesTargetsSamplersBudgetsAndPairs) {
  const BenchFile file = parse(
      "[bench]\nname = \"both\"\nseeds = \"2,5\"\nbudgets = [500, 20]\n"
      "[targets.wide]\ntarget = \"funnel\"\ndim = 3\nreference = 0.5\nreference-error = 0.25\n"
      "[samplers.svgd]\n[samplers.flow]\nsampler = \"stein-flow\"\nfit-share = 0.5\n"
      "[overrides.\"wide/flow\"]\nsteps = 3\n[exclude]\n\"wide/svgd\" = \"why not\"\n");
  EXPECT_EQ(file.name, "both");
  EXPECT_EQ(file.seeds, "2,5");
  EXPECT_THAT(file.budgets, ElementsAre(20, 500));
  ASSERT_EQ(file.targets.size(), 1u);
  EXPECT_EQ(file.targets[0].target, "funnel");
  EXPECT_THAT(file.targets[0].options.arguments, ElementsAre("--dim=3"));
  EXPECT_EQ(file.targets[0].reference, 0.5);
  EXPECT_EQ(file.targets[0].reference_error, 0.25);
  ASSERT_EQ(file.samplers.size(), 2u);
  EXPECT_EQ(file.samplers[0].sampler, "svgd");
  EXPECT_EQ(file.samplers[1].options.fit_share, 0.5);
  const std::vector<BenchPair> pairs = plan_pairs(file, {"here", ""});
  EXPECT_EQ(pairs[0].excluded, "why not");
  EXPECT_EQ(pairs[1].settings.sampler.steps.steps, 3);
  EXPECT_EQ(pairs[1].settings.target.dim, 3);
}

TEST(AppBenchPlan, UnknownTablesKeysAndNamesAreRefusedWithTheNearestOne) {
  const std::string good = kHead + std::string("[targets.funnel]\n[samplers.svgd]\n");
  EXPECT_EQ(refusal(good), "accepted");
  EXPECT_THAT(refusal("[bench]\nbudget = [3]\n"), HasSubstr("line 2: unknown key 'budget' (did "
                                                            "you mean budgets?)"));
  EXPECT_THAT(refusal(good + "[sampler.x]\n"), HasSubstr("line 6: unknown table [sampler.x] (did "
                                                         "you mean samplers?)"));
  EXPECT_THAT(refusal(good + "[samplers]\n"), HasSubstr("[samplers.NAME]"));
  EXPECT_THAT(refusal(good + "[targets.funnel]\n"), HasSubstr("a second time"));
  EXPECT_THAT(refusal("x = 1\n" + good), HasSubstr("line 1: 'x' stands before"));
  EXPECT_THAT(refusal("[bench]\nbudgets = [3, 3]\n"), HasSubstr("every number counts once"));
  EXPECT_THAT(refusal("[bench]\nbudgets = [0]\n"), HasSubstr("0 is not a positive number"));
  EXPECT_THAT(refusal("[bench]\n[targets.funnel]\n[samplers.svgd]\n"), HasSubstr("lacks budgets"));
  EXPECT_THAT(refusal(kHead), HasSubstr("nothing to run"));
  EXPECT_THAT(refusal(good + "[exclude]\n\"funel/svgd\" = \"x\"\n"),
              HasSubstr("no [targets.funel] (did you mean funnel?)"));
  EXPECT_THAT(refusal(good + "[overrides.funnel]\nsteps = 3\n"), HasSubstr("TARGET/SAMPLER"));
  EXPECT_THAT(refusal(good, "svdg"), HasSubstr("(did you mean svgd?)"));
  EXPECT_THAT(refusal(good, "funnel/x"), HasSubstr("'funnel/x'"));
  EXPECT_THAT(refusal(good + "[targets.\"a b\"]\n"), HasSubstr("cannot be a name"));
}

TEST(AppBenchPlan, WhatSampleRefusesIsRefusedWithThePairsName) {
  const std::string good = kHead + std::string("[targets.funnel]\n[samplers.svgd]\n");
  EXPECT_THAT(refusal(good + "particels = 3\n"),
              ::testing::AllOf(HasSubstr("funnel/svgd"), HasSubstr("--particles?")));
  EXPECT_THAT(refusal(good + "particles = 1\n"), HasSubstr("funnel/svgd"));
  EXPECT_THAT(refusal(good + "[targets.funnle]\n"), HasSubstr("did you mean funnel?"));
  EXPECT_THAT(refusal(good + "[samplers.svdg]\n"), HasSubstr("did you mean svgd?"));
  EXPECT_THAT(refusal(good + "fit-share = 0.5\n"), HasSubstr("can be fitted"));
  EXPECT_THAT(refusal(good + "fit-share = 2\n"), HasSubstr("[0, 1]"));
}

TEST(AppBenchPlan, OptionsThatTheBenchmarkOrTheBudgetDecidesAreRefused) {
  const std::string good = kHead + std::string("[targets.funnel]\n[samplers.svgd]\n");
  EXPECT_THAT(refusal(good + "seed = 3\n"), HasSubstr("line 6: 'seed' is given by the benchmark"));
  EXPECT_THAT(refusal(good + "steps = 3\n"), HasSubstr("'steps' follows from the budget"));
  EXPECT_THAT(refusal(kHead + std::string("[targets.funnel]\n[samplers.stein-flow]\nfit = 3\n")),
              HasSubstr("set fit-share"));
}

TEST(AppBenchPlan, DataFilesAreSoughtInTheDataFolder) {
  const TemporaryFile data("-data.csv", "a,b\n1,0\n2,1\n");
  const std::filesystem::path path = data.path();
  const std::string text = kHead + std::string("[targets.logistic]\ndata = \"") +
                           path.filename().string() + "\"\n[samplers.svgd]\n";
  const BenchFile file = parse(text, path.parent_path().string());
  EXPECT_THAT(file.targets[0].options.arguments, ElementsAre("--data=" + data.path()));
  EXPECT_THAT(
      [&] {
        try {
          parse(text, "/nowhere");
        } catch (const InvalidInput& error) {
          return std::string(error.what());
        }
        return std::string();
      }(),
      ::testing::AllOf(HasSubstr("line 5"), HasSubstr("--data-folder")));
}

constexpr const char* kDw4 =
    "[bench]\nbudgets = [1000]\n[targets.dw4]\ninitial-stddev = 3\nmetric-draws = 50\n"
    "[samplers.hmc]\n";

TEST(AppBenchPlan, AReferenceRunHasTheTargetsOptionsAndItsOwn) {
  const BenchFile file =
      parse(kDw4 + std::string("[references.dw4]\nsampler = \"parallel-tempering\"\nseed = 7\n"
                               "initial-stddev = 2\nsteps = 30\n"));
  const BenchChoice choice{"here", ""};
  std::vector<BenchPair> pairs = plan_pairs(file, choice);
  const std::vector<Cell> references = plan_references(file, choice, pairs);
  ASSERT_EQ(references.size(), 1u);
  EXPECT_EQ(references[0].folder, "here/dw4/reference");
  EXPECT_THAT(references[0].arguments,
              ElementsAre("dw4", "--sampler=parallel-tempering", "--seed=7", "--initial-stddev=2",
                          "--steps=30", "--no-figures"));
  give_references(file, references, pairs);
  EXPECT_THAT(pairs[0].reference.failure, HasSubstr("it did not run"));
  const auto lines = plan_lines(pairs, file, choice, {0});
  EXPECT_THAT(lines.at(0).cells, IsEmpty());
  EXPECT_THAT(lines[0].earlier_failure, HasSubstr("reference run of its target failed"));
  EXPECT_THAT(plan_references(file, choice, {}), IsEmpty()) << "no pair needs it";
}

TEST(AppBenchPlan, ReferenceRunsThatCannotBeAreRefused) {
  const auto says = [](const std::string& text) {
    try {
      const BenchFile file = parse(kDw4 + text);
      plan_references(file, {"here", ""}, plan_pairs(file, {"here", ""}));
    } catch (const InvalidInput& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const std::string nuts = "[references.dw4]\nsampler = \"nuts\"\n";
  EXPECT_EQ(says(nuts), "accepted");
  EXPECT_THAT(says("[references.dw5]\nsampler = \"nuts\"\n"), HasSubstr("did you mean dw4?"));
  EXPECT_THAT(says("[references.dw4]\nsteps = 3\n"), HasSubstr("lacks a sampler"));
  EXPECT_THAT(says("[references.dw4]\nsampler = \"smc\"\n"), HasSubstr("smc keeps no chains"));
  EXPECT_THAT(says(nuts + "stepz = 3\n"), HasSubstr("[references.dw4]: unknown option --stepz"));
  EXPECT_THAT(says(nuts + "target = \"funnel\"\n"), HasSubstr("cannot stand"));
  EXPECT_THAT(says("[samplers.reference]\nsampler = \"nuts\"\n"), HasSubstr("another name"));
  const TemporaryFile draws("-draws.csv", "1,2,3,4,5,6\n");
  EXPECT_THAT(says("[overrides.\"dw4/hmc\"]\nreference-draws = \"" + draws.path() + "\"\n" + nuts),
              HasSubstr("leave one of them out"));
}

TEST(AppBenchPlan, OnlyChoosesByTargetBySamplerAndByPair) {
  const std::string text = kHead + std::string(
                                       "[targets.funnel]\n[targets.ring]\n"
                                       "[samplers.svgd]\n[samplers.stein-mh]\n");
  const auto chosen = [&](const std::string& only) {
    std::vector<std::string> names;
    for (const BenchPair& pair : plan(text, only))
      names.push_back(pair.target.name + "/" + pair.sampler.name);
    return names;
  };
  EXPECT_EQ(chosen("").size(), 4u);
  EXPECT_THAT(chosen("ring"), ElementsAre("ring/svgd", "ring/stein-mh"));
  EXPECT_THAT(chosen("svgd,ring"), ElementsAre("ring/svgd"));
  EXPECT_THAT(chosen("svgd"), ElementsAre("funnel/svgd", "ring/svgd"));
  EXPECT_THAT(chosen("funnel/stein-mh"), ElementsAre("funnel/stein-mh"));
}

TEST(AppBenchPlan, SamplersWithoutAFitStopAtTheBudget) {
  const BenchPair svgd = pair_with("svgd", "particles = 7\nsets = 3\n");
  EXPECT_EQ(svgd.rule, BudgetRule::kStop);
  EXPECT_THAT(svgd.pilots, IsEmpty());
  EXPECT_THAT(allot(svgd, 1000, {}).arguments, ElementsAre("--evaluations=1000", "--steps=48"));
  EXPECT_THAT(allot(svgd, 420, {}).skipped, IsEmpty()) << "20 gradients for each of 21 particles";
  EXPECT_THAT(allot(svgd, 419, {}).skipped, HasSubstr("would cost 420"));
  EXPECT_EQ(pair_with("stein-mh").rule, BudgetRule::kStop);
  EXPECT_EQ(pair_with("nuts").rule, BudgetRule::kStop);
  EXPECT_EQ(pair_with("stein-flow", "fit-share = 0\n").rule, BudgetRule::kStop);
  const BenchPair tempering =
      pair_with("parallel-tempering", "particles = 5\nsets = 2\nreplicas = 4\n");
  EXPECT_THAT(allot(tempering, 799, {}).skipped, HasSubstr("would cost 800"));
  EXPECT_THAT(allot(tempering, 800, {}).skipped, IsEmpty());
}

TEST(AppBenchPlan, AFitTakesWhatTheRunLeavesAndNoMoreThanItsShare) {
  BenchPair flow = pair_with("stein-flow", "fit-evaluate-every = 5\n");
  EXPECT_EQ(flow.rule, BudgetRule::kFit);
  ASSERT_EQ(flow.pilots.size(), 2u);
  EXPECT_THAT(flow.pilots[1].arguments, Contains("--fit=2"));
  // A run of 100, 20 an iteration, 30 a held-out evaluation: at the start and after every 5.
  const PilotCosts costs{0, 100, 20, 30};
  EXPECT_THAT(allot(flow, 1000, costs).arguments, ElementsAre("--fit=33"));  // 33·20 + 8·30 = 900
  EXPECT_THAT(allot(flow, 999, costs).arguments, ElementsAre("--fit=32"));
  flow.fit_share = 0.5;
  EXPECT_THAT(allot(flow, 1000, costs).arguments, ElementsAre("--fit=17"));  // 17·20 + 5·30 = 490
  EXPECT_THAT(allot(flow, 580, costs).arguments, ElementsAre("--fit=10"));   // 10·20 + 3·30 = 290
  EXPECT_THAT(allot(flow, 579, costs).skipped, HasSubstr("would cost 580"));
  flow.fit_share = 1.0;
  EXPECT_THAT(allot(flow, 390, costs).arguments, ElementsAre("--fit=10"));
  EXPECT_THAT(allot(flow, 389, costs).skipped, HasSubstr("would cost 390"));
}

TEST(AppBenchPlan, ANormalizingFlowIsFittedWithWhatItsDrawsLeave) {
  const BenchPair flow = pair_with("flow", "particles = 100\nfit-draws = 50\n");
  EXPECT_EQ(flow.rule, BudgetRule::kFit);
  ASSERT_EQ(flow.pilots.size(), 2u);
  EXPECT_THAT(flow.pilots[0].arguments, Contains("--fit=1"));
  // Draws before and after the map; held-out draws ask for no gradients.
  const PilotCosts costs{0, 200, 50, 0};
  EXPECT_THAT(allot(flow, 100'000, costs).arguments, ElementsAre("--fit=1996"));
  EXPECT_THAT(allot(flow, 699, costs).skipped, HasSubstr("would cost 700"));
  EXPECT_THAT(refusal(kHead + std::string("[targets.funnel]\n[samplers.flow]\nfit-share = 0\n")),
              HasSubstr("funnel/flow: --sampler flow is nothing without its fit"));
  EXPECT_THAT(refusal(kHead + std::string("[targets.funnel]\n[samplers.flow]\nfit = 3\n")),
              HasSubstr("'fit' follows from the budget"));
}

TEST(AppBenchPlan, TwoPilotsTellIterationsHeldOutEvaluationsAndTheRunApart) {
  const auto result = [](double fit, double total) {
    Json json;
    json["fit"]["target_evaluations"] = {{"gradient", fit - 7}, {"hessian_vector", 7}};
    json["target_evaluations"] = {
        {"log_density", 1e9}, {"gradient", total - 7}, {"hessian_vector", 7}};
    return json;
  };
  const PilotCosts costs = pilot_costs(pair_with("met-svgd"), {result(80, 180), result(100, 200)});
  EXPECT_EQ(costs.iteration, 20);
  EXPECT_EQ(costs.held_out, 30);
  EXPECT_EQ(costs.run, 100);
  EXPECT_EQ(costs.total, 380);
}

TEST(AppBenchPlan, ALaterTableHasTheLastWord) {
  const auto pairs = plan(kHead + std::string("[targets.funnel]\ndim = 3\nparticles = 8\n"
                                              "[targets.ring]\nparticles = 8\n"
                                              "[samplers.svgd]\nparticles = 9\n"
                                              "[overrides.\"ring/svgd\"]\nparticles = 10\n"));
  EXPECT_EQ(pairs[0].settings.sampler.particles, 9);
  EXPECT_EQ(pairs[1].settings.sampler.particles, 10);
  EXPECT_THAT(pairs[1].arguments,
              ElementsAre("ring", "--sampler=svgd", "--particles=10", "--no-figures"));
}

TEST(AppBenchPlan, PilotRunsMeasureNoDistances) {
  const auto pairs =
      plan("[bench]\nbudgets = [9]\n[targets.funnel]\nmetric-draws = 50\n[samplers.stein-flow]\n");
  EXPECT_THAT(pairs[0].arguments, Contains("--metrics"));
  EXPECT_TRUE(pairs[0].settings.metrics.metrics);
  ASSERT_EQ(pairs[0].pilots.size(), 2u);
  for (const Cell& pilot : pairs[0].pilots)
    EXPECT_THAT(pilot.arguments, Not(Contains(HasSubstr("metric"))));
}

TEST(AppBenchPlan, AnnealingScalesParticlesOrTemperaturesByItsPilot) {
  const BenchPair smc = pair_with("smc", "sets = 4\n");
  EXPECT_EQ(smc.rule, BudgetRule::kParticles);
  ASSERT_EQ(smc.pilots.size(), 1u);
  EXPECT_THAT(smc.pilots[0].arguments, Contains("--particles=64"));
  // 64 particles in each of the 4 sets cost 6400: 100 for one in every set.
  EXPECT_THAT(allot(smc, 10'050, {0, 6400, 0, 0}).arguments, ElementsAre("--particles=100"));
  EXPECT_THAT(allot(smc, 1599, {0, 6400, 0, 0}).skipped, HasSubstr("would cost 1600"));
  const BenchPair ais = pair_with("ais", "ladder = \"linear\"\nparticles = 10\n");
  EXPECT_EQ(ais.rule, BudgetRule::kTemperatures);
  EXPECT_THAT(ais.pilots.at(0).arguments, Contains("--steps=10"));
  EXPECT_THAT(allot(ais, 10'000, {0, 4000, 0, 0}).arguments, ElementsAre("--steps=25"));
  EXPECT_THAT(allot(ais, 1999, {0, 4000, 0, 0}).skipped, HasSubstr("5 steps would cost 2000"));
  EXPECT_EQ(pair_with("ais", "ladder = \"adaptive\"\n").rule, BudgetRule::kParticles);
}

TEST(AppBenchPlan, LaplaceDrawsItsBudget) {
  const BenchPair laplace = pair_with("laplace", "sets = 2\n");
  EXPECT_EQ(laplace.rule, BudgetRule::kDraws);
  EXPECT_THAT(allot(laplace, 5000, {}).arguments, ElementsAre("--particles=2500"));
  EXPECT_THAT(allot(laplace, 10'000'000, {}).arguments, ElementsAre("--particles=100000"));
  EXPECT_THAT(allot(laplace, 31, {}).skipped, HasSubstr("would cost 32"));
  const Json result = {
      {"target_evaluations", {{"log_density", 2000}, {"gradient", 300}, {"hessian_vector", 50}}}};
  EXPECT_EQ(evaluations_of(result), 350);
}

TEST(AppBenchPlan, LinesHaveACellForEverySeedInAFolderOfItsOwn) {
  const std::string text =
      kHead + std::string("[targets.funnel]\n[samplers.svgd]\nparticles = 100\nsets = 1\n");
  const BenchFile file = parse(text);
  const BenchChoice choice{"here", ""};
  const auto lines = plan_lines(plan_pairs(file, choice), file, choice, {3, 4});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0].cells, IsEmpty());
  EXPECT_THAT(lines[0].skipped, Not(IsEmpty()));
  ASSERT_EQ(lines[1].cells.size(), 2u);
  EXPECT_EQ(lines[1].cells[1].folder, "here/funnel/svgd/100000/seed-4");
  EXPECT_THAT(lines[1].cells[1].arguments, Contains("--seed=4"));
  EXPECT_THAT(lines[1].cells[1].arguments, Contains("--no-figures"));
}

}  // namespace
}  // namespace ergon::app
