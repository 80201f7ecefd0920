#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "refusals.hpp"
#include "result_schema.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kFalseAlarm = 5.0;  // standard errors: 6e-7

/// A small fit; more words follow.
Words small_fit(const Words& more) {
  Words words = {"fit-flow",     "--flow-hidden", "16",          "--flow-layers", "4",
                 "--iterations", "150",           "--draws",     "2000",          "--quiet",
                 "--out",        "run",           "--no-figures"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// N(mean, stddev²) in two columns far from the origin and of different scales.
constexpr double kMeans[] = {5000.0, -0.3};
constexpr double kStddevs[] = {700.0, 0.02};
std::string gaussian_csv(int rows) {
  std::mt19937_64 engine(7);
  std::normal_distribution<double> normal;
  std::string text = "x,y\n";
  for (int i = 0; i < rows; ++i) {
    text += std::to_string(kMeans[0] + kStddevs[0] * normal(engine)) + "," +
            std::to_string(kMeans[1] + kStddevs[1] * normal(engine)) + "\n";
  }
  return text;
}
double gaussian_entropy() {
  return std::log(2 * M_PI * M_E) + std::log(kStddevs[0]) + std::log(kStddevs[1]);
}

/// IDX of `count` grey squares of `side` pixels, each of one random level with noise.
std::string squares_idx(int count, int side) {
  std::mt19937 engine(3);
  std::string bytes = {0, 0, 8, 3};
  for (const int size : {count, side, side}) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 255);
  }
  for (int i = 0; i < count; ++i) {
    const unsigned level = engine() % 200;
    for (int pixel = 0; pixel < side * side; ++pixel)
      bytes += static_cast<char>(level + engine() % 50);
  }
  return bytes;
}

double value_of(const Json& result, const char* key) { return result[key]["estimate"]; }
double error_of(const Json& result, const char* key) { return result[key]["standard_error"]; }

TEST(AppFitFlow, ReverseKlFindsTheKnownEvidenceAndSaysHowFarTheFlowIs) {
  const Workspace here;
  const Outcome outcome = here.run(small_fit({"gaussian-worked", "--iterations", "600"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_EQ(result["fit"]["gradient"], "reverse-path");
  EXPECT_GT(result["ess_share"], 0.9);
  const double known = result["target"]["log_z"];
  EXPECT_NEAR(value_of(result, "log_z"), known, kFalseAlarm * error_of(result, "log_z") + 1e-3);
  EXPECT_LT(value_of(result, "reverse_kl"), 0.05);
  EXPECT_LT(value_of(result, "forward_kl"), 0.05);
  EXPECT_LT(value_of(result, "elbo"), value_of(result, "eubo"));
  EXPECT_TRUE(result["data"].is_null());
  EXPECT_TRUE(result["bits_per_dimension"].is_null());
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("gaussian-worked (D = 2), realnvp"), HasSubstr("log Z"),
                                 HasSubstr("KL(p||q)"), HasSubstr("flow.npz")));
}

TEST(AppFitFlow, MaximumLikelihoodComesNearTheEntropyOfDataOfAnyScale) {
  const Workspace here;
  here.write("points.csv", gaussian_csv(2000));
  const Outcome outcome = here.run(small_fit({"--samples", "points.csv"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_EQ(result["fit"]["gradient"], "forward-total");
  EXPECT_EQ(result["data"]["train"], 1800);
  EXPECT_EQ(result["data"]["held_out"], 200);
  const double excess = value_of(result, "negative_log_likelihood") - gaussian_entropy();
  const double error = error_of(result, "negative_log_likelihood");
  EXPECT_GT(excess, -kFalseAlarm * error) << "no law has less than the entropy";
  EXPECT_LT(excess, kFalseAlarm * error + 0.05);
  EXPECT_TRUE(result["target"].is_null());
  EXPECT_TRUE(result["log_z"].is_null());
  EXPECT_TRUE(result["target_evaluations"].is_null());
}

TEST(AppFitFlow, PointsWithAKnownDensityAreFittedByPathGradients) {
  const Workspace here;
  const Outcome outcome =
      here.run(small_fit({"gaussian-worked", "--train-draws", "500", "--held-out-draws", "300"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_EQ(result["fit"]["gradient"], "forward-path");
  EXPECT_EQ(result["data"]["train"], 500);
  EXPECT_EQ(result["data"]["held_out"], 300);
  EXPECT_EQ(result["target_evaluations"]["gradient"], 500) << "one for every point";
  EXPECT_LT(value_of(result, "forward_kl"), 0.3);
}

TEST(AppFitFlow, ItsOwnSamplesAreANpzFileToLearnFrom) {
  const Workspace here;
  ASSERT_EQ(here.run(small_fit({"gaussian-worked"})).status, 0);
  const Outcome chosen = here.run(small_fit(
      {"--samples", "run/samples.npz", "--iterations", "5", "--out", "second", "--flow", "maf"}));
  ASSERT_EQ(chosen.status, 0) << chosen.err;
  EXPECT_EQ(here.json("second/result.json")["data"]["train"], 1800);
  expect_refused(here.run(small_fit({"--samples", "run/samples.npz", "--samples-array", "nope"})),
                 {"--samples-array", "'nope'", "samples, log_q"});
  expect_refused(here.run(small_fit({"--samples", "run/samples.npz", "--samples-array", "log_q"})),
                 {"'log_q'", "1 axes", "two"});
}

TEST(AppFitFlow, ImagesAreFittedByGlowInBitsPerDimension) {
  const Workspace here;
  here.write("squares.idx", squares_idx(300, 8));
  const Outcome outcome =
      here.run({"fit-flow", "--samples", "squares.idx", "--image-pool", "2", "--iterations", "60",
                "--batch", "64", "--flow-hidden", "8", "--flow-layers", "2", "--draws", "100",
                "--out", "run", "--quiet"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_EQ(result["flow"]["name"], "glow");
  EXPECT_EQ(result["flow"]["dim"], 16);
  EXPECT_EQ(result["data"]["image"], Json::array({1, 4, 4}));
  EXPECT_EQ(result["options"]["flow"]["flow-support"], "pixels");
  EXPECT_NEAR(value_of(result, "bits_per_dimension"),
              value_of(result, "negative_log_likelihood") / (16 * std::log(2.0)), 1e-12);
  EXPECT_LT(value_of(result, "bits_per_dimension"), 8.0) << "the uniform law has 8";
  EXPECT_THAT(here.list("run"), AllOf(Contains("images.png"), Contains("data.png"),
                                      Contains("training.svg"), Contains("report.html")));
  EXPECT_THAT(here.read("run/report.html"), HasSubstr("image/png"));
}

TEST(AppFitFlow, TheFolderHoldsWhatTheGuideSays) {
  const Workspace here;
  const Outcome outcome = here.run({"fit-flow", "gaussian-worked", "--iterations", "20", "--draws",
                                    "500", "--export", "--quiet", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const std::string folder = "out/gaussian-worked-realnvp";
  EXPECT_THAT(here.list(folder),
              ::testing::ElementsAre("events.out.tfevents.0.ergon", "flow.npz", "flow.pt",
                                     "flow.svg", "report.html", "result.json", "samples.npz",
                                     "target.svg", "trace.csv", "training.svg"));
  EXPECT_EQ(outcome.out, here.read(folder + "/result.json"));
  EXPECT_THAT(here.json(folder + "/result.json")["warnings"], Not(Contains(HasSubstr("drawn"))));
}

TEST(AppFitFlow, EveryKeyOfTheResultIsDocumented) {
  const Workspace here;
  here.write("points.csv", gaussian_csv(100));
  ASSERT_EQ(here.run(small_fit({"gaussian-worked", "--iterations", "3"})).status, 0);
  ASSERT_EQ(
      here.run(small_fit({"--samples", "points.csv", "--iterations", "3", "--out", "data"})).status,
      0);
  std::ostringstream text;
  text << std::ifstream(ERGON_SOURCE_DIR "/docs/fit_flow_result_schema.md").rdbuf();
  const std::string page = text.str();
  const std::string help = here.run({"fit-flow", "--help"}).out;
  for (const char* folder : {"run", "data"}) {
    const Json result = here.json(std::string(folder) + "/result.json");
    for (const auto& key : documented_keys(result))
      EXPECT_THAT(page, HasSubstr("`" + key + "`")) << folder;
    for (const auto& [name, block] : result["options"].items()) {
      for (const auto& [key, value] : block.items()) {
        const bool documented = page.find("`" + key + "`") != std::string::npos;
        EXPECT_TRUE(documented || help.find("--" + key + " ") != std::string::npos ||
                    help.find("--" + key + "\n") != std::string::npos)
            << key;
      }
    }
  }
}

TEST(AppFitFlow, TooFewPointsForTheFlowAreSaidToOverfit) {
  const Workspace here;
  const Outcome outcome =
      here.run({"fit-flow", "mixture-4", "--train-draws", "16", "--gradient", "forward-total",
                "--iterations", "400", "--evaluate-every", "10", "--draws", "500", "--quiet",
                "--out", "run", "--no-figures"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_LT(result["fit"]["best_iteration"], 200);
  EXPECT_THAT(result["warnings"].dump(), HasSubstr("over-fit"));
}

TEST(AppFitFlow, PatienceStopsItAndTheStatusSaysSo) {
  const Workspace here;
  ASSERT_EQ(here.run({"fit-flow", "mixture-4", "--train-draws", "16", "--gradient", "forward-total",
                      "--iterations", "5000", "--evaluate-every", "10", "--patience", "3",
                      "--draws", "500", "--quiet", "--out", "run", "--no-figures"})
                .status,
            0);
  const Json result = here.json("run/result.json");
  EXPECT_EQ(result["status"], "stopped-early");
  EXPECT_LT(result["fit"]["iterations"], 5000);
}

TEST(AppFitFlow, AConfigurationFileHoldsTheSameOptions) {
  const Workspace here;
  here.write("fit.toml",
             "[fit-flow]\ntarget = \"gaussian-worked\"\nflow = \"maf\"\niterations = 4\n"
             "draws = 100\nno-figures = true\nquiet = true\nout = \"run\"\n");
  const Outcome outcome = here.run({"fit-flow", "--config", "fit.toml", "--iterations", "3"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_EQ(result["flow"]["name"], "maf");
  EXPECT_EQ(result["fit"]["iterations"], 3);
  here.write("fit.toml", "[fit-flow]\nflwo = \"maf\"\n");
  expect_refused(here.run({"fit-flow", "--config", "fit.toml"}), {"fit.toml", "'flwo'", "flow"});
}

}  // namespace
}  // namespace ergon::testing
