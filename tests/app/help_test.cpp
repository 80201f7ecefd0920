#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <sstream>

#include "program.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const Words kCommands = {"sample", "fit-flow", "targets", "samplers", "study"};

TEST(AppHelp, EveryCommandHasAPageWithUsageAndExamples) {
  const Workspace here;
  for (const auto& command : kCommands) {
    const Outcome outcome = here.run({command, "--help"});
    EXPECT_EQ(outcome.status, 0) << command << outcome.err;
    EXPECT_THAT(outcome.out, StartsWith("Usage: ergon " + command));
    EXPECT_THAT(outcome.out, HasSubstr("\nExamples\n"));
    EXPECT_EQ(outcome.err, "");
  }
}

TEST(AppHelp, TheFirstPageNamesEveryCommand) {
  const Outcome outcome = Workspace().run({"--help"});
  EXPECT_EQ(outcome.status, 0);
  for (const auto& command : kCommands) EXPECT_THAT(outcome.out, HasSubstr("\n  " + command + " "));
}

TEST(AppHelp, WithoutACommandThePageIsPrintedAndTheStatusSaysSo) {
  const Outcome outcome = Workspace().run({});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.out, StartsWith("Usage: ergon COMMAND"));
}

TEST(AppHelp, TheVersionIsOneLine) {
  const Outcome outcome = Workspace().run({"--version"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, ::testing::MatchesRegex("ergon [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(AppHelp, SampleGroupsItsOptionsAndExplainsEveryChoice) {
  const std::string page = Workspace().run({"sample", "--help"}).out;
  for (const char* group : {"Target", "Initial distribution", "Bandwidth", "Step size",
                            "Step bound", "Estimates", "Fit", "Output"}) {
    EXPECT_THAT(page, HasSubstr("\n" + std::string(group) + "\n"));
  }
  EXPECT_THAT(page, HasSubstr("sigma^2 = median(r^2)"));
}

TEST(AppHelp, SampleShowsTheDefaultsOfTheChosenSampler) {
  const Workspace here;
  EXPECT_THAT(here.run({"sample", "--sampler", "p-svgd", "--help"}).out,
              HasSubstr("divergence control [truncation]"));
  EXPECT_THAT(here.run({"sample", "--help"}).out, HasSubstr("divergence control [none]"));
}

TEST(AppHelp, NoGroupOfOptionsIsTornApart) {
  std::istringstream page(Workspace().run({"sample", "--help"}).out);
  Words headings;
  for (std::string line; std::getline(page, line);) {
    if (!line.empty() && line[0] >= 'A' && line[0] <= 'Z' && line.size() < 40)
      headings.push_back(line);
  }
  const std::set<std::string> different(headings.begin(), headings.end());
  EXPECT_GT(headings.size(), 10u);
  EXPECT_EQ(different.size(), headings.size());
}

TEST(AppHelp, NoLineIsTooWideForATerminal) {
  const std::string page = Workspace().run({"sample", "--help"}).out;
  std::size_t begin = 0;
  for (std::size_t end = page.find('\n'); end != std::string::npos;
       begin = end + 1, end = page.find('\n', begin)) {
    EXPECT_LE(end - begin, 110u) << page.substr(begin, end - begin);
  }
}

// A process that loads libtorch needs most of a second: help and lists must not. The least of some
// runs, as machines are busy.
TEST(AppHelp, HelpAndListsDoNotLoadLibtorch) {
  const Workspace here;
  for (const Words& words : {Words{"--help"}, Words{"--version"}, Words{"targets"},
                             Words{"samplers"}, Words{"sample", "--help"}}) {
    auto least = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 5; ++i) {
      const auto start = std::chrono::steady_clock::now();
      here.run(words);
      least = std::min(least, std::chrono::steady_clock::now() - start);
    }
    EXPECT_LT(least, std::chrono::milliseconds(200)) << words[0];
  }
}

TEST(AppHelp, TargetsListsThemAndDescribesOneWithItsOptions) {
  const Workspace here;
  const std::string list = here.run({"targets"}).out;
  for (const char* name : {"gaussian", "mixture-4", "mixture-25", "gmm40", "funnel", "banana",
                           "many-well", "ring", "logistic", "torchscript"}) {
    EXPECT_THAT(list, HasSubstr(std::string(name) + "\n"));
  }
  EXPECT_THAT(here.run({"targets", "funnel"}).out,
              AllOf(StartsWith("funnel\n"), HasSubstr("--scale "), Not(HasSubstr("banana\n"))));
}

TEST(AppHelp, ListsComeAsJsonToo) {
  const Workspace here;
  const Json targets = Json::parse(here.run({"targets", "--json"}).out);
  EXPECT_GT(targets.size(), 10u);
  EXPECT_TRUE(targets[0].contains("definition"));
  const Json samplers = Json::parse(here.run({"samplers", "--json"}).out);
  ASSERT_EQ(samplers.size(), 14u);
  EXPECT_EQ(samplers[0]["name"], "stein-flow");
  EXPECT_EQ(samplers[2]["name"], "p-svgd");
  EXPECT_EQ(samplers[2]["options"]["control"], "truncation");
}

TEST(AppHelp, SamplersDescribesOneOptionByOption) {
  const std::string page = Workspace().run({"samplers", "met-svgd"}).out;
  EXPECT_THAT(page, HasSubstr("--bandwidth "));
  EXPECT_THAT(page, HasSubstr("learned-per-step"));
}

}  // namespace
}  // namespace ergon::testing
