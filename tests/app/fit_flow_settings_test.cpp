#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commands.hpp"

namespace ergon::app {
namespace {

FitFlowSettings settings_of(const std::vector<std::string>& words) {
  return fit_flow_settings(words);
}

TEST(AppFitFlowSettings, WhatIsGivenDecidesTheEstimator) {
  const FitFlowSettings target = settings_of({"mixture-4"});
  EXPECT_EQ(target.fit.gradient, FlowGradient::kReversePath);
  EXPECT_EQ(target.draws, 10000);
  const FitFlowSettings both = settings_of({"mixture-4", "--train-draws", "50"});
  EXPECT_EQ(both.fit.gradient, FlowGradient::kForwardPath);
  EXPECT_EQ(
      settings_of({"mixture-4", "--train-draws", "50", "--gradient", "forward-total"}).fit.gradient,
      FlowGradient::kForwardTotal);
}

TEST(AppFitFlowSettings, TheArchitectureBringsItsPresetAndTheWordsChangeIt) {
  const FitFlowSettings spline = settings_of({"mixture-4", "--flow", "spline-coupling"});
  EXPECT_EQ(spline.flow.layers, normalizing_flow_preset(FlowArchitecture::kSplineCoupling).layers);
  EXPECT_EQ(
      settings_of({"mixture-4", "--flow", "spline-coupling", "--flow-layers", "3"}).flow.layers, 3);
}

TEST(AppFitFlowSettings, GlowOnALatticeHasTheWholeSpaceAsItsSupport) {
  EXPECT_EQ(settings_of({"phi4", "--flow", "glow"}).flow.support, FlowSupport::kReal);
}

TEST(AppFitFlowSettings, JsonHoldsEveryOption) {
  const FitFlowSettings settings =
      settings_of({"gaussian",    "--dim",         "3",      "--mean",
                   "1,2,3",       "--train-draws", "70",     "--flow",
                   "maf",         "--flow-hidden", "12",     "--batch",
                   "7",           "--precision",   "double", "--draws",
                   "77",          "--export",      "--seed", "18446744073709551615",
                   "--no-figures"});
  const Json json = to_json(settings);
  const FitFlowSettings back = fit_flow_settings_from_json(json, "test");
  EXPECT_EQ(to_json(back), json);
  EXPECT_EQ(back.seed, 18446744073709551615ULL);
  EXPECT_EQ(back.precision, Precision::kDouble);
  EXPECT_FALSE(back.figures);
  Json lacking = json;
  lacking["flow"].erase("flow-hidden");
  EXPECT_THROW(fit_flow_settings_from_json(lacking, "test"), InvalidInput);
}

TEST(AppFitFlowSettings, TheFolderIsNamedAfterTargetOrFile) {
  FitFlowSettings settings;
  settings.data.samples = "some/where/my data.csv.gz";
  EXPECT_EQ(fit_flow_folder_name(settings), "my-data-realnvp");
  settings.target.name = "ring";
  EXPECT_EQ(fit_flow_folder_name(settings), "ring-realnvp");
}

}  // namespace
}  // namespace ergon::app
