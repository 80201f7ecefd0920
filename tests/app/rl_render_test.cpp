#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "refusals.hpp"

namespace ergon::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Columns and rows of a PNG file.
std::pair<int, int> png_size(const std::string& bytes) {
  const auto number = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = at; i < at + 4; ++i)
      value = value * 256 + static_cast<unsigned char>(bytes.at(i));
    return value;
  };
  return {number(16), number(20)};
}

/// Pictures of an animated PNG: the number that its chunk acTL begins with.
int frame_count(const std::string& bytes) {
  const std::size_t at = bytes.find("acTL");
  if (at == std::string::npos) return 0;
  return static_cast<unsigned char>(bytes.at(at + 6)) * 256 +
         static_cast<unsigned char>(bytes.at(at + 7));
}

std::vector<std::vector<double>> rows_of(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  std::vector<std::vector<double>> rows;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(std::stod(cell));
  }
  return rows;
}

Words render(const std::string& subject, const Words& more) {
  Words words = {"rl", "render", subject, "--quiet", "--json", "--out", "pictures"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(AppRlRender, AnUntrainedLookLeavesAStripAnAnimationAndATable) {
  const Workspace here;
  const Outcome outcome =
      here.run(render("Hopper-v4", {"--policy", "random", "--size", "64x48", "--frames", "3"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(here.list("pictures"),
              ElementsAre("animation.png", "episode.csv", "render.json", "strip.png"));
  EXPECT_EQ(png_size(here.read("pictures/strip.png")), std::make_pair(3 * 64 + 4, 48 + 2));
  EXPECT_EQ(png_size(here.read("pictures/animation.png")), std::make_pair(64, 48));
  const Json result = here.json("pictures/render.json");
  EXPECT_EQ(Json::parse(outcome.out), result);
  const auto steps = result.at("episodes").at(0).at("steps").get<int>();
  // 25 pictures a second of steps of 0.008 s: every fifth state from the start on.
  EXPECT_EQ(frame_count(here.read("pictures/animation.png")), steps / 5 + 1);
  const auto rows = rows_of(here.read("pictures/episode.csv"));
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(steps));
  double sum = 0.0;
  for (const auto& row : rows) {
    ASSERT_EQ(row.size(), 2u + 11u + 3u + 1u);
    sum += row.back();
    for (std::size_t i = 13; i < 16; ++i) EXPECT_LE(std::abs(row[i]), 1.0);
  }
  EXPECT_NEAR(sum, result.at("episodes").at(0).at("return").get<double>(), 1e-9);
}

TEST(AppRlRender, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  const Workspace here;
  const Workspace there;
  const Words common = {"--policy", "random", "--size", "32x32", "--frames", "2"};
  Words other = common;
  other.insert(other.end(), {"--seed", "1"});
  ASSERT_EQ(here.run(render("Pendulum-v1", common)).status, 0);
  ASSERT_EQ(there.run(render("Pendulum-v1", common)).status, 0);
  for (const char* file : {"strip.png", "animation.png", "episode.csv", "render.json"}) {
    const std::string path = std::string("pictures/") + file;
    EXPECT_EQ(here.read(path), there.read(path)) << file;
  }
  const Workspace elsewhere;
  ASSERT_EQ(elsewhere.run(render("Pendulum-v1", other)).status, 0);
  EXPECT_NE(here.read("pictures/episode.csv"), elsewhere.read("pictures/episode.csv"));
}

TEST(AppRlRender, ATrainedAgentIsDrawnByItsRunsFolderOrItsFile) {
  const Workspace here;
  const Outcome trained =
      here.run({"rl", "train", "Pendulum-v1", "--steps", "120", "--random-steps", "50",
                "--update-after", "50", "--batch", "16", "--evaluate-every", "100",
                "--evaluation-episodes", "1", "--no-figures", "--quiet", "--out", "run"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  const Words small = {"--size", "32x32", "--animation", "0", "--episodes", "2", "--overwrite"};
  const Outcome by_folder = here.run(render("run", small));
  ASSERT_EQ(by_folder.status, 0) << by_folder.err;
  EXPECT_THAT(here.list("pictures"), ElementsAre("episode.csv", "render.json", "strip.png"));
  const std::string csv = here.read("pictures/episode.csv");
  ASSERT_EQ(here.run(render("run/agent.safetensors", small)).status, 0);
  EXPECT_EQ(here.read("pictures/episode.csv"), csv);
  Words sampled = small;
  sampled.insert(sampled.end(), {"--mode", "stochastic"});
  ASSERT_EQ(here.run(render("run", sampled)).status, 0);
  EXPECT_NE(here.read("pictures/episode.csv"), csv);
  Words into_run = render("run", {});
  into_run[6] = "run";
  expect_refused(here.run(into_run), {"run", "--out"});
  into_run.push_back("--overwrite");
  expect_refused(here.run(into_run), {"run", "--out"});
  EXPECT_TRUE(here.has("run/agent.safetensors"));
}

TEST(AppRlRender, PlanesAlsoShowAllTrajectoriesAndCountTheirGoals) {
  const Workspace here;
  const Outcome outcome = here.run(
      render("MultigoalObstacles-v0", {"--policy", "random", "--episodes", "30", "--frames", "2"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(here.has("pictures/trajectories.png"));
  const Json result = here.json("pictures/render.json");
  const Json& plane = result.at("plane");
  ASSERT_EQ(plane.at("goals").size(), 4u);
  int ended = plane.at("missed").get<int>();
  for (const auto& goal : plane.at("goals")) ended += goal.at("episodes").get<int>();
  EXPECT_EQ(ended, 30);
  int reached = 0;
  for (const auto& episode : result.at("episodes")) reached += episode.at("terminated").get<bool>();
  EXPECT_EQ(reached, 30 - plane.at("missed").get<int>());
}

TEST(AppRlRender, EpisodesCanBeCutShort) {
  const Workspace here;
  const Outcome outcome =
      here.run(render("Pendulum-v1", {"--policy", "zero", "--steps", "7", "--frames", "20"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json episode = here.json("pictures/render.json").at("episodes").at(0);
  EXPECT_EQ(episode.at("steps"), 7);
  EXPECT_EQ(episode.at("terminated"), false);
  // Eight states, however many pictures were asked for.
  EXPECT_EQ(png_size(here.read("pictures/strip.png")).first, 8 * 320 + 9);
}

TEST(AppRlRender, WhatCannotBeDrawnIsRefusedAndLeavesNothing) {
  const Workspace here;
  here.write("words.safetensors", "these are no numbers");
  expect_all_refused(
      here,
      {{{"rl", "render"}, {"render what?"}},
       {{"rl", "render", "Hopper-v4"}, {"Hopper-v4", "--policy random"}},
       {{"rl", "render", "nowhere"}, {"nowhere", "no agent"}},
       {{"rl", "render", "."}, {"agent.safetensors"}},
       {{"rl", "render", "words.safetensors"}, {"words.safetensors"}},
       {{"rl", "render", "Hoper-v4", "--policy", "zero"}, {"did you mean Hopper-v4?"}},
       {{"rl", "render", "Hopper-v4", "--policy", "zero", "--size", "320"}, {"--size", "320x240"}},
       {{"rl", "render", "Hopper-v4", "--policy", "zero", "--size", "8x8"}, {"8 x 8", "16"}},
       {{"rl", "render", "Hopper-v4", "--policy", "zero", "--frames", "0"}, {"--frames"}},
       {{"rl", "render", "Hopper-v4", "--policy", "zero", "--episodes", "0"}, {"--episodes"}},
       {{"rl", "render", "Hopper-v4", "--policy", "none"}, {"--policy", "agent, random, zero"}}});
}

TEST(AppRlRender, EarlierPicturesAreReplacedOnlyWhenAsked) {
  const Workspace here;
  const Words words = render("Multigoal-v0", {"--policy", "zero", "--animation", "0"});
  ASSERT_EQ(here.run(words).status, 0);
  expect_refused(here.run(words), {"pictures", "--overwrite"});
  Words again = words;
  again.push_back("--overwrite");
  EXPECT_EQ(here.run(again).status, 0);
}

}  // namespace
}  // namespace ergon::testing
