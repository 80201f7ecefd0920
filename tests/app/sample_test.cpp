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
              IsSupersetOf({"result.json", "samples.npz", "draws.npz", "flow.npz", "flow-1.npz",
                            "flow-2.npz", "trace.csv", "fit_trace.csv", "fit.npz", "fit.json",
                            "report.html", "events.out.tfevents.0.ergon"}));
  EXPECT_THAT(here.list("run"), Not(Contains("checkpoint")));
  EXPECT_EQ(count_lines(here.read("run/trace.csv")), 1u + 1u + 8u);
  EXPECT_EQ(count_lines(here.read("run/fit_trace.csv")), 1u + 3u);
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not installed: no pictures to look for";
  EXPECT_THAT(here.list("run"), IsSupersetOf({"particles.svg", "draws.svg", "trace.svg", "fit.svg",
                                              "particles.gif"}));
  EXPECT_THAT(here.read("run/particles.gif"), StartsWith("GIF89a"));
  EXPECT_THAT(here.read("run/report.html"), HasSubstr("data:image/svg+xml"));
  EXPECT_THAT(here.json("run/result.json")["warnings"].dump(), Not(HasSubstr("drawn")));
}

TEST(AppSample, TheTableIsShortAndShowsEstimatesBesideKnownValues) {
  const Workspace here;
  const Outcome outcome = here.run(small_run({"--no-figures", "--fit", "2"}));
  EXPECT_LE(count_lines(outcome.out), 24u) << outcome.out;
  for (const char* part : {"gaussian-worked (D = 2)", "95 % interval", "error / s.e.", "entropy",
                           "3.411", "EUBO", "at the particles, first-order density", "Pareto k",
                           "draws 9 999", "evaluations", "out/gaussian-worked-stein-flow/"}) {
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
  const std::string help = here.run({"sample", "--help"}).out;
  for (const auto& block : result["options"]) {
    for (const auto& [key, value] : block.items()) {
      const bool documented = text.str().find("`" + key + "`") != std::string::npos;
      EXPECT_TRUE(documented || help.find("--" + key + " ") != std::string::npos) << key;
    }
  }
  for (const auto& key : documented_keys(result)) {
    EXPECT_THAT(text.str(), HasSubstr("`" + key + "`"))
        << "docs/result_schema.md does not describe it";
  }
}

TEST(AppSample, SvgdTracksNoDensityAndSaysSo) {
  const Workspace here;
  const Outcome outcome = here.run(
      small_run({"--sampler", "svgd", "--estimate", "particles", "--no-figures", "--out", "run"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("run/result.json");
  EXPECT_THAT(schema_offences(result), IsEmpty());
  for (const char* key : {"estimate", "log_z", "entropy", "elbo", "eubo", "ess_share", "pareto_k",
                          "draws", "particles", "chains", "acceptance"})
    EXPECT_TRUE(result[key].is_null()) << key;
  EXPECT_EQ(result["target_evaluations"]["hessian_vector"], 0);
  EXPECT_THAT(outcome.out, HasSubstr("tracks no density"));
}

TEST(AppSample, TheJointDensityReportsLogZAsALowerBound) {
  const Workspace here;
  ASSERT_EQ(here.run(small_run({"--sampler", "met-svgd", "--estimate", "particles", "--density",
                                "joint", "--no-figures", "--out", "run"}))
                .status,
            0);
  const Json result = here.json("run/result.json");
  EXPECT_THAT(result["log_z"]["method"].get<std::string>(), HasSubstr("lower bound"));
  EXPECT_EQ(result["log_z"]["estimate"], result["elbo"]["estimate"]);
  EXPECT_TRUE(result["ess_share"].is_null());
}

TEST(AppSample, TheJointDensityIsNoBoundWhenTheBandwidthDependsOnTheParticles) {
  const Workspace here;
  const Outcome outcome =
      here.run(small_run({"--sampler", "met-svgd", "--density", "joint", "--bandwidth", "median",
                          "--no-figures", "--out", "run"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto method =
      here.json("run/result.json")["particles"]["log_z"]["method"].get<std::string>();
  EXPECT_THAT(method, StartsWith("approximate"));
  EXPECT_THAT(outcome.out, HasSubstr("log Z: approximate"));
}

TEST(AppSample, TheSameSeedGivesTheSameBitsAndAnotherSeedOthers) {
  const Workspace here;
  for (const char* name : {"a", "b"})
    ASSERT_EQ(
        here.run(small_run({"--no-figures", "--fit", "2", "--out", name, "--seed", "7"})).status,
        0);
  ASSERT_EQ(here.run(small_run({"--no-figures", "--fit", "2", "--out", "c", "--seed", "8"})).status,
            0);
  for (const char* file : {"/samples.npz", "/draws.npz", "/flow.npz", "/fit.npz", "/trace.csv"}) {
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
  for (const char* file : {"samples.npz", "draws.npz"})
    EXPECT_EQ(here.read(std::string("same/") + file), here.read(std::string("fit/") + file));
  const Outcome refused =
      here.run({"sample", "--fitted", "fit", "--bandwidth", "network", "--quiet"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("fitted with --bandwidth"));
  const Outcome whitened =
      here.run({"sample", "--fitted", "fit", "--precondition", "diagonal", "--quiet"});
  EXPECT_EQ(whitened.status, 2);
  EXPECT_THAT(whitened.err, HasSubstr("fitted with --precondition"));
}

TEST(AppSample, AFitsTargetOptionsStayWhenItsTargetIsNamedAgain) {
  const Workspace here;
  ASSERT_EQ(here.run({"sample", "mixture-4", "--radius", "6", "--particles", "10", "--sets", "2",
                      "--steps", "3", "--fit", "1", "--no-figures", "--quiet", "--out", "fit"})
                .status,
            0);
  const auto reuse = [&](const Words& more) {
    Words words = {"sample", "mixture-4", "--fitted", "fit", "--no-figures", "--quiet", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = here.run(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return Json::parse(outcome.out);
  };
  const Json same = reuse({});
  EXPECT_EQ(same["options"]["target"]["radius"], 6.0);
  EXPECT_THAT(same["warnings"].dump(), Not(HasSubstr("fitted to the target")));
  const Json other = reuse({"--radius", "3"});
  EXPECT_EQ(other["options"]["target"]["radius"], 3.0);
  EXPECT_THAT(other["warnings"].dump(),
              HasSubstr("fitted to the target 'mixture-4 --radius 6.0', not to 'mixture-4 --radius "
                        "3.0'"));
}

TEST(AppSample, OptionsThatTheFittedParametersReplaceAreRefused) {
  const Workspace here;
  ASSERT_EQ(
      here.run(small_run({"--no-figures", "--fit", "1", "--out", "fit", "--bandwidth", "learned",
                          "--step-size", "learned-per-step", "--initial-mean", "0.5"}))
          .status,
      0);
  for (const char* option : {"--initial-mean", "--initial-stddev", "--initial-spread",
                             "--bandwidth-value", "--step-size-value"}) {
    const Outcome refused = here.run({"sample", "--fitted", "fit", option, "0.07", "--quiet"});
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.err, HasSubstr(std::string("--fitted: ") + option));
    EXPECT_EQ(refused.err.find('\n'), refused.err.size() - 1) << refused.err;
  }
  const Outcome same = here.run({"sample", "--fitted", "fit", "--initial-mean", "0.5", "--quiet",
                                 "--no-figures", "--out", "same"});
  EXPECT_EQ(same.status, 0) << same.err;
}

TEST(AppSample, WarnsWhenTheElboFellAlongTheSteps) {
  const Workspace here;
  const Words run = {"sample",    "standard-normal", "--dim",      "10",       "--no-figures",
                     "--quiet",   "--particles",     "30",         "--sets",   "4",
                     "--sampler", "met-svgd",        "--estimate", "particles"};
  Words far = run;
  far.insert(far.end(), {"--steps", "200", "--step-size-value", "0.5"});
  Words near = run;
  near.insert(near.end(), {"--steps", "2", "--step-size-value", "0.001"});
  const Outcome fell = here.run(far);
  ASSERT_EQ(fell.status, 0) << fell.err;
  EXPECT_THAT(fell.out, HasSubstr("the ELBO was higher at step"));
  EXPECT_THAT(here.run(near).out, Not(HasSubstr("the ELBO was higher")));
}

TEST(AppSample, WarnsWhenTheParticlesLeaveTheTarget) {
  const Workspace here;
  const Words svgd = {"--sampler", "svgd", "--no-figures"};
  Words wild = svgd;
  wild.insert(wild.end(), {"--step-size-value", "60"});
  const Outcome left = here.run(small_run(wild));
  ASSERT_EQ(left.status, 0) << left.err;
  EXPECT_THAT(left.out, HasSubstr("mean log-density fell from"));
  EXPECT_THAT(here.run(small_run(svgd)).out, Not(HasSubstr("mean log-density fell")));
}

TEST(AppSample, WarnsWhenEveryStepLeadsToPlacesOfDensityZero) {
  const Workspace here;
  const auto table = [&](const std::string& step_size) {
    return here
        .run({"sample", "double-well", "--sampler", "svgd", "--step-size-value", step_size,
              "--particles", "20", "--sets", "2", "--steps", "20", "--no-figures", "--quiet"})
        .out;
  };
  EXPECT_THAT(table("1e80"), HasSubstr("in 20 of 20 steps no particle moved"));
  EXPECT_THAT(table("0.01"), Not(HasSubstr("no particle moved")));
}

TEST(AppSample, WarnsInPlainWordsWhenNothingWasFitted) {
  const Workspace here;
  const Outcome outcome = here.run(small_run({"--no-figures"}));
  EXPECT_THAT(outcome.out, HasSubstr("nothing was fitted"));
}

TEST(AppSample, AFitOfANetworkKeepsTheValueThatTheNetworkMultiplies) {
  const Workspace here;
  ASSERT_EQ(here.run(small_run({"--no-figures", "--fit", "1", "--out", "fit", "--bandwidth",
                                "network", "--step-size", "network"}))
                .status,
            0);
  for (const char* option : {"--bandwidth-value", "--step-size-value"}) {
    const Outcome refused = here.run({"sample", "--fitted", "fit", option, "0.07", "--quiet"});
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.err, HasSubstr(std::string("fitted with ") + option));
  }
}

/// Long steps in a narrow kernel: particles pass through each other.
Words folding_run(const Words& more) {
  Words words = small_run({"--sampler", "met-svgd", "--no-figures", "--initial-stddev", "4",
                           "--bandwidth", "fixed", "--bandwidth-value", "0.5", "--step-size",
                           "fixed", "--step-size-value", "5", "--bound", "none", "--json"});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(AppSample, WarnsWhenTheStepsAreNotInvertible) {
  const Workspace here;
  for (const char* density : {"block", "joint"}) {
    const Outcome outcome = here.run(folding_run({"--density", density}));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("maps that are not invertible")) << density;
  }
  const Outcome gentle = here.run(folding_run({"--density", "block", "--step-size-value", "0.1"}));
  ASSERT_EQ(gentle.status, 0) << gentle.err;
  EXPECT_THAT(gentle.out, Not(HasSubstr("maps that are not invertible")));
}

TEST(AppSample, WarnsAboutSteinsIdentityOnlyWhereTheTraceOfTheHessianIsPartOfIt) {
  const Workspace here;
  const Words far = {"--sampler", "met-svgd", "--no-figures", "--initial-mean", "9", "--json"};
  Words without = far;
  without.insert(without.end(), {"--hessian", "off"});
  const Outcome complete = here.run(small_run(far));
  const Outcome half = here.run(small_run(without));
  ASSERT_EQ(complete.status, 0) << complete.err;
  ASSERT_EQ(half.status, 0) << half.err;
  EXPECT_THAT(complete.out, HasSubstr("Stein's identity is off by"));
  EXPECT_THAT(half.out, Not(HasSubstr("Stein's identity is off by")));
  EXPECT_GT(Json::parse(half.out)["stein_residual"], 0.2) << "it would be reported otherwise";
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
  EXPECT_EQ(result["moments"]["of"], "target");
  EXPECT_EQ(result["moments"]["mean"].size(), 3u);
  EXPECT_EQ(result["moments"]["mean_standard_error"].size(), 3u);
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
