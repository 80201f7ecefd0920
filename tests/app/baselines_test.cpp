#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "result_schema.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json result_of(const Workspace& here, const Words& words) {
  Words all = {"sample"};
  all.insert(all.end(), words.begin(), words.end());
  for (const char* word : {"--no-figures", "--quiet", "--out", "run", "--overwrite"})
    all.emplace_back(word);
  const Outcome outcome = here.run(all);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_THAT(schema_offences(result), IsEmpty());
  return result;
}

double errors_off(const Json& estimate, double truth) {
  return std::abs(estimate["estimate"].get<double>() - truth) /
         estimate["standard_error"].get<double>();
}

TEST(AppBaselines, WeightsAndReplicasEstimateLogZAndSayWhereItComesFrom) {
  const Workspace here;
  const std::pair<const char*, const char*> sources[] = {{"laplace", "weights"},
                                                         {"ais", "weights"},
                                                         {"smc", "weights"},
                                                         {"parallel-tempering", "replicas"}};
  for (const auto& [name, source] : sources) {
    Words words = {"gaussian-worked", "--sampler", name, "--initial-stddev", "1.5"};
    if (std::string(name) == "parallel-tempering") words.insert(words.end(), {"--steps", "600"});
    const Json result = result_of(here, words);
    EXPECT_EQ(result["estimate"], source) << name;
    EXPECT_LT(errors_off(result["log_z"], 0.0), 6.0) << name;  // t with 3 degrees of freedom: 1 %
    EXPECT_LT(result["log_z"]["standard_error"], 0.1) << name;
    if (std::string(source) == "weights") {
      EXPECT_LT(errors_off(result["entropy"], 3.41121), 5.0) << name;
      EXPECT_EQ(result["moments"]["of"], "target") << name;
      EXPECT_LT(result["elbo"]["estimate"].get<double>(),
                4 * result["elbo"]["standard_error"].get<double>())
          << name;
    }
  }
}

TEST(AppBaselines, ChainsHaveDiagnosticsMomentsWithErrorsAndAllTheirDraws) {
  const Workspace here;
  for (const char* name : {"ula", "mala", "hmc", "nuts", "parallel-tempering"}) {
    Words words = {"gaussian-worked", "--sampler", name, "--steps", "200"};
    if (std::string(name) == "ula") words.insert(words.end(), {"--step-size-value", "0.3"});
    const Json result = result_of(here, words);
    const Json& chains = result["chains"];
    EXPECT_EQ(chains["draws"], 100) << name;
    EXPECT_GT(chains["tail_ess_min"], std::string(name) == "ula" ? 20.0 : 50.0) << name;
    EXPECT_LT(chains["r_hat_max"], 1.3) << name;
    EXPECT_EQ(result["moments"]["of"], "chains") << name;
    EXPECT_LT(std::abs(result["moments"]["mean"][0].get<double>() + 0.6871) /
                  result["moments"]["mean_standard_error"][0].get<double>(),
              5.0)
        << name;
    EXPECT_TRUE(here.has("run/chains.npz")) << name;
  }
}

TEST(AppBaselines, MetricsCompareDrawsWithExactOnesOrThoseOfAFile) {
  const Workspace here;
  const Json plain = result_of(here, {"mixture-4", "--sampler", "smc", "--initial-stddev", "5"});
  EXPECT_TRUE(plain["metrics"].is_null());
  const Json result =
      result_of(here, {"mixture-4", "--sampler", "smc", "--initial-stddev", "5", "--metrics"});
  Words names;
  for (const Json& metric : result["metrics"]) {
    names.push_back(metric["name"]);
    EXPECT_TRUE(metric["estimate"].is_number()) << metric["name"];
  }
  EXPECT_THAT(names, ::testing::ElementsAre("w2", "energy_w2", "mmd2", "ksd2", "modes_hit",
                                            "mode_coverage", "mode_total_variation"));
  EXPECT_EQ(result["metrics"][4]["estimate"], 4.0);
  EXPECT_LT(result["metrics"][0]["estimate"], 1.5);  // exact draws: about 0.5
  EXPECT_LT(errors_off(result["metrics"][2], 0.0), 5.0);
  // A sampler that sees one mode of four is far away.
  const Json stuck = result_of(here, {"mixture-4", "--radius", "20", "--sampler", "mala", "--steps",
                                      "100", "--initial-mean", "20,0", "--metrics"});
  EXPECT_EQ(stuck["metrics"][4]["estimate"], 1.0);
  EXPECT_GT(stuck["metrics"][0]["estimate"], 15.0);
}

TEST(AppBaselines, ReferenceDrawsAreReadBeforeTheRun) {
  const Workspace here;
  here.write("two.csv", "1,2\n3,4\n");
  here.write("three.csv", "1,2,3\n3,4,5\n");
  const auto message = [&](const char* file) {
    const Outcome outcome =
        here.run({"sample", "gaussian-worked", "--sampler", "mala", "--metrics", "--metric-draws",
                  "50", "--reference-draws", here.path(file), "--out", "refused"});
    EXPECT_EQ(outcome.status, 2);
    return outcome.err;
  };
  EXPECT_THAT(message("three.csv"), HasSubstr("points of 3 coordinates, the target has 2"));
  EXPECT_FALSE(here.has("refused"));
  EXPECT_THAT(message("none.csv"), HasSubstr("there is no file"));
}

TEST(AppBaselines, EvaluationsDecideUnlessStepsAreGivenToo) {
  const Workspace here;
  const Words words = {"gaussian-worked", "--sampler", "mala", "--evaluations", "100000"};
  EXPECT_GE(result_of(here, words)["target_evaluations"]["gradient"], 100000);
  Words both = words;
  both.insert(both.end(), {"--steps", "50"});
  EXPECT_EQ(result_of(here, both)["sampler"]["steps_taken"], 50);
}

}  // namespace
}  // namespace ergon::testing
