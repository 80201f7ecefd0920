#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "result_schema.hpp"

namespace ergon::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

Words small_run(const Words& more) {
  Words words = {"sample", "gaussian-worked", "--particles", "20",     "--sets",
                 "3",      "--steps",         "8",           "--quiet"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool have_gnuplot() { return std::system("gnuplot --version > /dev/null 2>&1") == 0; }

TEST(AppSample, LeavesEveryFileItPromisesAndNoCheckpoint) {
  const Workspace here;
  const Outcome outcome = here.run(small_run({"--fit", "3", "--out", "run", "--animate"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(here.list("run"),
              IsSupersetOf({"result.json", "samples.npz", "trace.csv", "fit_trace.csv", "fit.npz",
                            "fit.json", "report.html", "events.out.tfevents.0.ergon"}));
  EXPECT_THAT(here.list("run"), Not(Contains("checkpoint")));
  EXPECT_EQ(count_lines(here.read("run/trace.csv")), 1u + 1u + 8u);
  EXPECT_EQ(count_lines(here.read("run/fit_trace.csv")), 1u + 3u);
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not installed: no pictures to look for";
  EXPECT_THAT(here.list("run"),
              IsSupersetOf({"particles.svg", "trace.svg", "fit.svg", "particles.gif"}));
  EXPECT_THAT(here.read("run/particles.gif"), StartsWith("GIF89a"));
  EXPECT_THAT(here.read("run/report.html"), HasSubstr("data:image/svg+xml"));
  EXPECT_THAT(here.json("run/result.json")["warnings"].dump(), Not(HasSubstr("drawn")));
}

TEST(AppSample, TheTableIsShortAndShowsEstimatesBesideKnownValues) {
  const Workspace here;
  const Outcome outcome = here.run(small_run({"--no-figures", "--fit", "2"}));
  EXPECT_LE(count_lines(outcome.out), 15u) << outcome.out;
  for (const char* part : {"gaussian-worked (D = 2)", "error / s.e.", "entropy", "3.411",
                           "evaluations", "out/gaussian-worked-met-svgd/"}) {
    EXPECT_THAT(outcome.out, HasSubstr(part));
  }
}

TEST(AppSample, JsonIsOneObjectAloneAndFollowsTheDocumentedSchema) {
  const Workspace here;
  const Outcome outcome =
      here.run(small_run({"--no-figures", "--fit", "2", "--json", "--out", "run"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, here.read("run/result.json"));
  const Json result = Json::parse(outcome.out);
  EXPECT_THAT(schema_offences(result), IsEmpty());
  EXPECT_EQ(result["status"], "finished");
  EXPECT_EQ(result["target"]["dim"], 2);
  EXPECT_EQ(result["sampler"]["steps_taken"], 8);
  EXPECT_EQ(result["fit"]["iterations"], 2);
  EXPECT_GT(result["target_evaluations"]["gradient"],
            result["fit"]["target_evaluations"]["gradient"]);
  EXPECT_EQ(result["options"]["run"]["seed"], 0);
  std::ifstream page(ERGON_SOURCE_DIR "/docs/result_schema.md");
  std::ostringstream text;
  text << page.rdbuf();
  for (const auto& key : documented_keys(result)) {
    EXPECT_THAT(text.str(), HasSubstr("`" + key + "`"))
        << "docs/result_schema.md does not describe it";
  }
}

TEST(AppSample, SvgdTracksNoDensityAndSaysSo) {
  const Workspace here;
  const Outcome outcome =
      here.run(small_run({"--sampler", "svgd", "--no-figures", "--out", "run"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_THAT(schema_offences(result), IsEmpty());
  for (const char* key : {"log_z", "entropy", "elbo", "ess_share", "acceptance"})
    EXPECT_TRUE(result[key].is_null()) << key;
  EXPECT_EQ(result["target_evaluations"]["hessian_vector"], 0);
  EXPECT_THAT(outcome.out, HasSubstr("tracks no density"));
}

TEST(AppSample, TheJointDensityReportsLogZAsALowerBound) {
  const Workspace here;
  ASSERT_EQ(here.run(small_run({"--density", "joint", "--no-figures", "--out", "run"})).status, 0);
  const Json result = here.json("run/result.json");
  EXPECT_THAT(result["log_z"]["method"].get<std::string>(), HasSubstr("lower bound"));
  EXPECT_EQ(result["log_z"]["estimate"], result["elbo"]["estimate"]);
  EXPECT_TRUE(result["ess_share"].is_null());
}

TEST(AppSample, TheSameSeedGivesTheSameBitsAndAnotherSeedOthers) {
  const Workspace here;
  for (const char* name : {"a", "b"})
    ASSERT_EQ(
        here.run(small_run({"--no-figures", "--fit", "2", "--out", name, "--seed", "7"})).status,
        0);
  ASSERT_EQ(here.run(small_run({"--no-figures", "--fit", "2", "--out", "c", "--seed", "8"})).status,
            0);
  for (const char* file : {"/samples.npz", "/fit.npz", "/trace.csv"}) {
    EXPECT_EQ(here.read(std::string("a") + file), here.read(std::string("b") + file)) << file;
    EXPECT_NE(here.read(std::string("a") + file), here.read(std::string("c") + file)) << file;
  }
  EXPECT_EQ(without_times(here.json("a/result.json")), without_times(here.json("b/result.json")));
}

TEST(AppSample, DefaultFoldersAreNumberedSoThatNothingIsLost) {
  const Workspace here;
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(here.run(small_run({"--no-figures", "--sampler", "svgd"})).status, 0);
  EXPECT_EQ(here.list("out"),
            (Words{"gaussian-worked-svgd", "gaussian-worked-svgd-2", "gaussian-worked-svgd-3"}));
}

TEST(AppSample, TheCommandLineHasTheLastWordOverTheConfigurationFile) {
  const Workspace here;
  here.write("run.toml",
             "# a run\n[sample]\ntarget = \"gaussian\"\nsampler = 'p-svgd'\nmean = [1.5,\n  -2.0]  "
             "# two numbers\n"
             "particles = 12\nsteps = 5\nsets = 2\nno-figures = true\nseed = 3\n");
  const Outcome outcome =
      here.run({"sample", "--config", "run.toml", "--steps", "4", "--json", "--quiet"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json options = Json::parse(outcome.out)["options"];
  EXPECT_EQ(options["sampler"]["name"], "p-svgd");
  EXPECT_EQ(options["sampler"]["control"], "truncation")
      << "the preset of the sampler in the file was not taken";
  EXPECT_EQ(options["sampler"]["steps"], 4);
  EXPECT_EQ(options["sampler"]["particles"], 12);
  EXPECT_EQ(options["target"]["mean"], Json::parse("[1.5, -2.0]"));
  EXPECT_EQ(options["run"]["seed"], 3);
}

TEST(AppSample, AFitIsReusedWithoutFittingAgain) {
  const Workspace here;
  ASSERT_EQ(
      here.run(small_run({"--no-figures", "--fit", "4", "--out", "fit", "--bandwidth", "learned"}))
          .status,
      0);
  const Outcome reused = here.run({"sample", "--fitted", "fit", "--particles", "30", "--no-figures",
                                   "--out", "reused", "--quiet"});
  ASSERT_EQ(reused.status, 0) << reused.err;
  const Json result = here.json("reused/result.json");
  EXPECT_TRUE(result["fit"].is_null());
  EXPECT_EQ(result["target"]["name"], "gaussian-worked");
  EXPECT_EQ(result["options"]["sampler"]["bandwidth"], "learned");
  EXPECT_EQ(result["sampler"]["particles"], 30);
  EXPECT_THAT(result["warnings"].dump(), Not(HasSubstr("nothing was fitted")));
  // The very same run as the fitted one's, but for the particles it starts with: as many gives the
  // same bits.
  ASSERT_EQ(
      here.run({"sample", "--fitted", "fit/fit.npz", "--no-figures", "--out", "same", "--quiet"})
          .status,
      0);
  EXPECT_EQ(here.read("same/samples.npz"), here.read("fit/samples.npz"));
  const Outcome refused =
      here.run({"sample", "--fitted", "fit", "--bandwidth", "network", "--quiet"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("fitted with --bandwidth"));
}

TEST(AppSample, WarnsInPlainWordsWhenNothingWasFitted) {
  const Workspace here;
  const Outcome outcome = here.run(small_run({"--no-figures"}));
  EXPECT_THAT(outcome.out, HasSubstr("nothing was fitted"));
}

TEST(AppSample, APosteriorFromACsvFileIsSampled) {
  const Workspace here;
  here.write("data.csv", "x,y,sick\n1,2,0\n3,1,1\n5,4,0\n2,2,1\n4,7,1\n0,3,0\n");
  const Outcome outcome =
      here.run({"sample", "logistic", "--data", "data.csv", "--label-column", "sick", "--particles",
                "20", "--sets", "2", "--steps", "5", "--no-figures", "--quiet", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = Json::parse(outcome.out);
  EXPECT_EQ(result["target"]["dim"], 3);
  EXPECT_TRUE(result["target"]["log_z"].is_null());
  EXPECT_EQ(result["moments"]["mean"].size(), 3u);
}

TEST(AppSample, AModelFromPythonIsSampled) {
  const Workspace here;
  const Outcome outcome = here.run(
      {"sample", "torchscript", "--model", ERGON_SOURCE_DIR "/tests/data/banana.pt", "--dim", "2",
       "--particles", "20", "--sets", "2", "--steps", "5", "--no-figures", "--quiet", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out)["target"]["dim"], 2);
}

}  // namespace
}  // namespace ergon::testing
