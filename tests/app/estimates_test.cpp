#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "result_schema.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Words kQuiet = {"--no-figures", "--quiet", "--out", "run", "--overwrite"};

Outcome run(const Workspace& here, const Words& words) {
  Words all = {"sample"};
  all.insert(all.end(), words.begin(), words.end());
  all.insert(all.end(), kQuiet.begin(), kQuiet.end());
  const Outcome outcome = here.run(all);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return outcome;
}

/// result.json of a run, which keeps to the schema.
Json result_of(const Workspace& here, const Words& words) {
  run(here, words);
  const Json result = here.json("run/result.json");
  EXPECT_THAT(schema_offences(result), IsEmpty());
  return result;
}

/// How many standard errors an estimate is from the truth.
double error_of(const Json& estimate, double truth) {
  return std::abs(estimate["estimate"].get<double>() - truth) /
         estimate["standard_error"].get<double>();
}

Words small(const Words& more) {
  Words words = {"gaussian-worked", "--particles", "20", "--sets", "3", "--steps", "8"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// Six numbers within 4 standard errors: false-alarm rate 4e-4 over seeds.
TEST(AppEstimates, TheFlowFindsTheKnownAnswersWithinItsErrorsAndBracketsLogZ) {
  const Workspace here;
  const Json result = result_of(
      here, {"gaussian", "--mean", "1,-2", "--initial-stddev", "1.5", "--initial-mean", "0",
             "--bandwidth-value", "1.5", "--particles", "80", "--sets", "2", "--steps", "30"});
  EXPECT_EQ(result["estimate"], "flow");
  EXPECT_EQ(result["draws"], 10000);
  EXPECT_EQ(result["nonfinite_draws"], 0);
  EXPECT_GT(result["ess_share"], 0.3);
  EXPECT_LT(result["pareto_k"], 0.7);
  EXPECT_LT(error_of(result["log_z"], result["target"]["log_z"]), 4.0);
  EXPECT_LT(error_of(result["entropy"], result["target"]["entropy"]), 4.0);
  const double log_z = result["target"]["log_z"];
  EXPECT_LT(result["elbo"]["interval"][0], log_z);
  EXPECT_GT(result["eubo"]["interval"][1], log_z);
  EXPECT_LT(result["elbo"]["estimate"], result["eubo"]["estimate"]);
  const Json moments = result["moments"];
  EXPECT_EQ(moments["of"], "target");
  for (int i = 0; i < 2; ++i) {
    const double mean = i == 0 ? 1.0 : -2.0;
    const double error = moments["mean_standard_error"][i];
    EXPECT_LT(std::abs(moments["mean"][i].get<double>() - mean), 4 * error) << i;
  }
  for (const char* key : {"log_z", "entropy", "elbo"}) {
    const Json& estimate = result[key];
    const double half = 1.96 * estimate["standard_error"].get<double>();
    EXPECT_NEAR(estimate["interval"][1].get<double>() - estimate["estimate"].get<double>(), half,
                1e-4 * half);
  }
}

TEST(AppEstimates, RecordingARunChangesNothingAtTheParticles) {
  const Workspace here;
  const Words sampler = small({"--sampler", "p-svgd", "--control-truncation", "2"});
  Words particles = sampler;
  particles.insert(particles.end(), {"--estimate", "particles"});
  const Json published = result_of(here, particles);
  const std::string samples = here.read("run/samples.npz");
  const std::string trace = here.read("run/trace.csv");
  EXPECT_FALSE(here.has("run/draws.npz"));
  EXPECT_FALSE(here.has("run/flow.npz"));
  const Json flow = result_of(here, sampler);
  EXPECT_EQ(here.read("run/samples.npz"), samples);
  EXPECT_EQ(here.read("run/trace.csv"), trace);
  EXPECT_EQ(flow["estimate"], "flow");
  EXPECT_EQ(published["estimate"], "particles");
  EXPECT_TRUE(published["particles"].is_null());
  for (const char* key : {"log_z", "entropy", "elbo", "ess_share"})
    EXPECT_EQ(flow["particles"][key], published[key]) << key;
  EXPECT_EQ(flow["particles"]["density"], "first-order");
  EXPECT_NE(flow["log_z"], published["log_z"]);
}

// Numbers of the program before it knew of flows; rounding may differ between machines.
TEST(AppEstimates, AtTheParticlesTheNumbersAreThosePublishedBefore) {
  struct Case {
    Words sampler;
    double log_z, log_z_error, entropy, elbo, ess_share;
    int log_densities, gradients, hessian_vectors;
  };
  const Case cases[] = {
      {{"--sampler", "met-svgd", "--fit", "3"},
       -0.08575526124918031,
       0.0815473275774151,
       2.992729114048774,
       -0.33387109411730864,
       0.5165190555586311,
       2520,
       2520,
       6720},
      {{"--sampler", "p-svgd"},
       -0.14936828628579057,
       0.1758168864060273,
       2.8096291154000235,
       -0.6032085824138328,
       0.3241289673302164,
       540,
       540,
       0},
      {{"--sampler", "met-svgd", "--density", "block", "--control", "metropolis-hastings"},
       -0.15693284100586968,
       0.202658634044403,
       2.825980081221894,
       -0.7715148130934607,
       0.29866287462372315,
       1020,
       540,
       960}};
  const Workspace here;
  for (const Case& one : cases) {
    Words words = small(one.sampler);
    words.insert(words.end(), {"--estimate", "particles"});
    const Json result = result_of(here, words);
    EXPECT_NEAR(result["log_z"]["estimate"], one.log_z, 1e-6) << one.sampler[1];
    EXPECT_NEAR(result["log_z"]["standard_error"], one.log_z_error, 1e-6);
    EXPECT_NEAR(result["entropy"]["estimate"], one.entropy, 1e-6);
    EXPECT_NEAR(result["elbo"]["estimate"], one.elbo, 1e-6);
    EXPECT_NEAR(result["ess_share"], one.ess_share, 1e-6);
    EXPECT_EQ(result["target_evaluations"]["log_density"], one.log_densities);
    EXPECT_EQ(result["target_evaluations"]["gradient"], one.gradients);
    EXPECT_EQ(result["target_evaluations"]["hessian_vector"], one.hessian_vectors);
    EXPECT_EQ(result["moments"]["of"], "particles");
  }
}

TEST(AppEstimates, SvgdWithoutADensityOfItsOwnHasTheFlows) {
  const Workspace here;
  const Json result = result_of(here, small({"--sampler", "svgd", "--draws", "2000"}));
  EXPECT_EQ(result["estimate"], "flow");
  EXPECT_TRUE(result["particles"].is_null());
  EXPECT_LT(error_of(result["log_z"], result["target"]["log_z"]), 4.0);
}

TEST(AppEstimates, DrawsAreDividedAmongTheFlowsAndEvaluatedOnceEach) {
  const Workspace here;
  const Json flow = result_of(here, small({"--draws", "1000"}));
  EXPECT_EQ(flow["draws"], 999);
  const Json without = result_of(here, small({"--estimate", "particles"}));
  const auto more = flow["target_evaluations"]["log_density"].get<int>() -
                    without["target_evaluations"]["log_density"].get<int>();
  EXPECT_EQ(more, 999 + 1000) << "the draws, and as many exact ones as were asked for";
  EXPECT_EQ(flow["target_evaluations"]["gradient"], without["target_evaluations"]["gradient"]);
}

TEST(AppEstimates, ModesThatTheFlowMissesAreReportedWhereTheTargetCanBeSampled) {
  const Workspace here;
  const Words modes = {
      "mixture-4",         "--radius", "6",       "--particles", "30",          "--steps", "10",
      "--bandwidth-value", "0.7",      "--draws", "4000",        "--defensive", "none"};
  Words one = modes;
  one.insert(one.end(), {"--initial-mean", "6,0", "--initial-stddev", "1"});
  const Outcome missed = run(here, one);
  EXPECT_THAT(missed.out, HasSubstr("exact draws of the target find mass that the flow misses"));
  Words all = modes;
  all.insert(all.end(), {"--initial-stddev", "6"});
  EXPECT_THAT(run(here, all).out, Not(HasSubstr("mass that the flow misses")));
}

TEST(AppEstimates, WarningsSayWhyTheFlowIsNotToBeTrusted) {
  const Workspace here;
  const auto warnings = [&](const Words& words) {
    return result_of(here, words)["warnings"].dump();
  };
  EXPECT_THAT(warnings(small({"--flow-determinant", "series"})),
              HasSubstr("log Z and entropy are approximate"));
  EXPECT_THAT(warnings(small({"--sampler", "svgd", "--step-size-value", "5"})),
              HasSubstr("8 of 8 steps were longer than the certified bound allows"));
  EXPECT_THAT(warnings(small({"--draws", "20"})), HasSubstr("too few to judge the weights"));
  const std::string far = warnings({"standard-normal", "--dim", "20", "--initial-mean", "5",
                                    "--particles", "10", "--steps", "1"});
  EXPECT_THAT(far, HasSubstr("Pareto k"));
  EXPECT_THAT(far, HasSubstr("the importance weights are worth only"));
  const std::string calm = warnings({"gaussian", "--initial-stddev", "2"});
  EXPECT_THAT(calm, HasSubstr("nothing was fitted"));
  for (const char* text : {"approximate", "certified bound allows", "too few to judge",
                           "weights are worth only", "is above", "not a number"})
    EXPECT_THAT(calm, Not(HasSubstr(text)));
}

TEST(AppEstimates, ADefensiveProposalLeavesLogZWhereItIs) {
  const Workspace here;
  for (const char* proposal : {"initial", "wide"}) {
    const Json result = result_of(here, small({"--defensive", proposal, "--draws", "3000"}));
    EXPECT_EQ(result["options"]["estimate"]["defensive"], proposal);
    EXPECT_LT(error_of(result["log_z"], result["target"]["log_z"]), 4.0);
  }
}

TEST(AppEstimates, AFlowWhoseDrawsFailLosesNothingOfTheRun) {
  const Workspace here;
  const Words far = {"double-well", "--initial-stddev", "1e70", "--steps", "1", "--sampler"};
  Words met_svgd = far;
  met_svgd.push_back("met-svgd");
  const Json result = result_of(here, met_svgd);
  EXPECT_TRUE(result["estimate"].is_null());
  EXPECT_TRUE(result["log_z"].is_null());
  EXPECT_TRUE(result["particles"]["log_z"].is_object());
  EXPECT_THAT(result["warnings"].dump(), HasSubstr("the flow's estimates could not be had"));
  EXPECT_TRUE(here.has("run/samples.npz"));
  EXPECT_FALSE(here.has("run/checkpoint"));
  Words svgd = far;
  svgd.push_back("svgd");
  EXPECT_THAT(run(here, svgd).out, HasSubstr("The flow's draws failed"));
}

TEST(AppEstimates, ExactMetropolisHastingsReportsItsChainsAndNoDensity) {
  const Workspace here;
  const Words words = {"gaussian-worked", "--sampler", "stein-mh", "--particles", "20",
                       "--sets",          "2",         "--steps",  "400"};
  const Json result = result_of(here, words);
  for (const char* key : {"estimate", "log_z", "entropy", "elbo", "eubo", "ess_share", "particles"})
    EXPECT_TRUE(result[key].is_null()) << key;
  EXPECT_TRUE(result["sampler"]["density"].is_null());
  const Json chains = result["chains"];
  EXPECT_EQ(chains["chains"], 40);
  EXPECT_EQ(chains["draws"], 200);
  EXPECT_GT(chains["r_hat_max"], 0.99);
  EXPECT_GT(chains["bulk_ess_min"], 1.0);
  for (const char* key : {"acceptance_forward", "acceptance_inverse", "swap_share"}) {
    EXPECT_GT(chains[key], 0.0) << key;
    EXPECT_LE(chains[key], 1.0) << key;
  }
  EXPECT_TRUE(here.has("run/chains.npz"));
  EXPECT_FALSE(here.has("run/draws.npz"));
  const Outcome again = run(here, words);
  for (const char* part : {"R-hat", "bulk ESS", "gradients each", "forward", "inverse"})
    EXPECT_THAT(again.out, HasSubstr(part));
}

TEST(AppEstimates, ChainsThatHaveNotMixedAreReported) {
  const Workspace here;
  const auto warnings = [&](const Words& words) {
    return result_of(here, words)["warnings"].dump();
  };
  EXPECT_THAT(warnings({"mixture-4", "--radius", "9", "--sampler", "stein-mh", "--steps", "60",
                        "--initial-stddev", "9"}),
              HasSubstr("the chains have not mixed"));
  EXPECT_THAT(warnings(small({"--sampler", "stein-mh", "--steps", "4"})),
              HasSubstr("could not be judged from 2 draws"));
  EXPECT_THAT(warnings({"standard-normal", "--sampler", "stein-mh", "--particles", "4", "--sets",
                        "1", "--steps", "40", "--bandwidth", "fixed", "--bandwidth-value", "0.01",
                        "--refresh", "none", "--initial-stddev", "20"}),
              HasSubstr("did not move at all"));
}

}  // namespace
}  // namespace ergon::testing
