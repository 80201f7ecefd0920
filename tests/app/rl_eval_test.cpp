#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "refusals.hpp"
#include "rl_runs.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

Words evaluation(const Words& more) { return joined({"rl", "eval", "--quiet"}, more); }

Json evaluated(const Workspace& here, const Words& more) {
  const Outcome outcome = here.run(evaluation(joined(more, {"--json"})));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return Json::parse(outcome.out);
}

/// Mean, standard error and IQM of the returns of one agent in one mode.
struct Moments {
  double mean, standard_error, middle;
};

Moments moments_of(const Workspace& here, const std::string& file, int agent, int deterministic) {
  std::vector<double> returns;
  for (const auto& row : numbers_of(here.read(file))) {
    if (row[0] == agent && row[1] == deterministic) returns.push_back(row[3]);
  }
  const auto count = static_cast<double>(returns.size());
  double mean = 0, squares = 0, middle = 0;
  for (const double value : returns) mean += value / count;
  for (const double value : returns) squares += (value - mean) * (value - mean);
  std::sort(returns.begin(), returns.end());
  const std::size_t cut = returns.size() / 4;
  for (std::size_t i = cut; i < returns.size() - cut; ++i)
    middle += returns[i] / static_cast<double>(returns.size() - 2 * cut);
  return {mean, std::sqrt(squares / (count - 1) / count), middle};
}

TEST(AppRlEval, NumbersAreThoseOfTheEpisodesInTheTable) {
  const Workspace& here = two_seeds();
  const Json result =
      evaluated(here, {"runs/seed-0", "--episodes", "9", "--out", "judged", "--overwrite"});
  ASSERT_EQ(result["agents"].size(), 1u);
  const Json& agent = result["agents"][0];
  EXPECT_EQ(agent["file"], "runs/seed-0/agent.safetensors");
  EXPECT_EQ(agent["trained"]["steps"], 200);
  for (const int deterministic : {0, 1}) {
    const Json& returns = agent[deterministic == 1 ? "deterministic" : "stochastic"];
    const Moments expected = moments_of(here, "judged/returns.csv", 0, deterministic);
    EXPECT_NEAR(returns["value"], expected.mean, 1e-9);
    EXPECT_NEAR(returns["standard_error"], expected.standard_error, 1e-9);
    EXPECT_NEAR(returns["interquartile_mean"]["value"], expected.middle, 1e-9);
    EXPECT_LT(returns["interquartile_mean"]["interval"][0], expected.middle);
    EXPECT_GT(returns["interquartile_mean"]["interval"][1], expected.middle);
    EXPECT_LE(returns["min"], returns["value"]);
    EXPECT_GE(returns["max"], returns["value"]);
    EXPECT_EQ(returns["mean_length"], 40) << "the run's own --max-episode-steps";
    EXPECT_EQ(returns["terminated_share"], 0);
    EXPECT_EQ(returns["episodes"], 9);
  }
  EXPECT_TRUE(result["all"].is_null());
  EXPECT_EQ(result["warnings"], Json::array());
}

TEST(AppRlEval, AFolderOfSeedsIsJudgedAtOnceWithTheSameBitsOnAnyNumberOfThreads) {
  const Workspace& here = two_seeds();
  const Json result = evaluated(here, {"runs", "--episodes", "5", "--out", "one", "--overwrite"});
  evaluated(here, {"runs", "--episodes", "5", "--out", "two", "--overwrite", "--jobs", "2"});
  EXPECT_EQ(here.read("one/returns.csv"), here.read("two/returns.csv"));
  ASSERT_EQ(result["agents"].size(), 2u);
  EXPECT_EQ(result["agents"][1]["trained"]["seed"], 1);
  const double first = result["agents"][0]["deterministic"]["value"];
  const double second = result["agents"][1]["deterministic"]["value"];
  EXPECT_NE(first, second);
  EXPECT_NEAR(result["all"]["deterministic"]["value"], (first + second) / 2, 1e-9);
  EXPECT_EQ(result["all"]["environment"], "Pendulum-v1");
}

TEST(AppRlEval, TheSeedDecidesTheStartsAndTheModeWhatIsRun) {
  const Workspace& here = two_seeds();
  const auto returns = [&](const Words& more) {
    evaluated(here,
              joined({"runs/seed-0", "--episodes", "3", "--out", "seeded", "--overwrite"}, more));
    return here.read("seeded/returns.csv");
  };
  const std::string both = returns({});
  EXPECT_EQ(both, returns({"--seed", "0"}));
  EXPECT_NE(both, returns({"--seed", "1"}));
  const std::string alone = returns({"--mode", "stochastic"});
  EXPECT_THAT(both, HasSubstr(alone.substr(alone.find('\n'))));
  EXPECT_EQ(numbers_of(alone).size(), 3u);
  EXPECT_TRUE(here.json("seeded/result.json")["agents"][0]["deterministic"].is_null());
}

TEST(AppRlEval, BestTakesThePolicyOfTheBestEvaluation) {
  const Workspace& here = two_seeds();
  const Json result =
      evaluated(here, {"runs/seed-0", "--best", "--episodes", "2", "--out", "best", "--overwrite"});
  EXPECT_EQ(result["agents"][0]["file"], "runs/seed-0/best-agent.safetensors");
  EXPECT_EQ(result["agents"][0]["trained"]["steps"],
            here.json("runs/seed-0/result.json")["best"]["step"]);
}

TEST(AppRlEval, TheTableShowsTheNumbersOfTheResult) {
  const Workspace& here = two_seeds();
  const Outcome outcome =
      here.run(evaluation({"runs/seed-1", "--episodes", "4", "--out", "table", "--overwrite"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = here.json("table/result.json");
  const Json& returns = result["agents"][0]["deterministic"];
  char number[32];
  std::snprintf(number, sizeof number, "%.5g", returns["value"].get<double>());
  EXPECT_THAT(outcome.out, HasSubstr(number));
  EXPECT_THAT(outcome.out, HasSubstr("sac after 200 steps, seed 1"));
  EXPECT_THAT(outcome.out, HasSubstr("table/result.json, returns.csv"));
}

/// CRC-32C bit by bit (RFC 3720), as agents carry it.
std::uint32_t crc32c_of(const std::string& bytes) {
  std::uint32_t sum = 0xffffffffu;
  for (const char byte : bytes) {
    sum ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~sum;
}

/// The agent as if it had been trained on another model.
std::string of_another_model(std::string file) {
  const std::string hash = "\"policy.model_hash\":\"", sum = "\"ergon.crc32c\":\"";
  char& digit = file[file.find(hash) + hash.size()];
  digit = digit == '0' ? '1' : '0';
  const std::size_t digits = file.find(sum) + sum.size();
  file.replace(digits, 8, "00000000");
  char text[16];
  std::snprintf(text, sizeof text, "%08x", crc32c_of(file.substr(8)));
  return file.replace(digits, 8, text);
}

TEST(AppRlEval, AnotherModelIsRefusedUnlessTheEnvironmentIsNamed) {
  const Workspace here;
  train(here, "Hopper-v4", {"--out", "run"});
  here.write("other.safetensors", of_another_model(here.read("run/agent.safetensors")));
  expect_refused(here.run(evaluation({"other.safetensors"})),
                 {"was trained on another model of Hopper-v4", "--environment Hopper-v4"});
  const Words few = {"--episodes", "2", "--overwrite", "--out", "judged"};
  const Json same =
      evaluated(here, joined({"other.safetensors", "--environment", "Hopper-v4"}, few));
  EXPECT_THAT(same["warnings"].dump(), HasSubstr("trained on another model of Hopper-v4"));
  EXPECT_GT(same["agents"][0]["deterministic"]["terminated_share"], 0.5) << "a hopper falls";
  const Json newer = evaluated(here, joined({"run", "--environment", "Hopper-v5"}, few));
  EXPECT_THAT(newer["warnings"].dump(), HasSubstr("trained in Hopper-v4 and judged in Hopper-v5"));
}

TEST(AppRlEval, EveryKeyOfTheResultIsDocumented) {
  const Workspace& here = two_seeds();
  const Json result = evaluated(here, {"runs", "--episodes", "2", "--out", "keys", "--overwrite"});
  std::ostringstream text;
  text << std::ifstream(ERGON_SOURCE_DIR "/docs/rl_result_schema.md").rdbuf();
  expect_documented(result, text.str());
}

TEST(AppRlEval, WhatCannotBeJudgedIsRefusedAndNothingIsLeft) {
  const Workspace& here = two_seeds();
  here.write("text.safetensors", "no such format at all");
  expect_all_refused(
      here,
      {{{"rl", "eval"}, {"evaluate which agent?"}},
       {{"rl", "eval", "nowhere"}, {"nowhere: there is no such file or folder"}},
       {{"rl", "eval", "text.safetensors"}, {"text.safetensors"}},
       {{"rl", "eval", "runs/seed-0", "--environment", "Hopper-v4"},
        {"takes 3 observations and gives 1 actions, Hopper-v4 has 11 and 3"}},
       {{"rl", "eval", "runs/seed-0", "--environment", "Pendulum"}, {"Pendulum-v1"}},
       {{"rl", "eval", "runs/seed-0/agent.safetensors", "--best"}, {"is a file; leave it out"}},
       {{"rl", "eval", "runs/seed-0", "--episodes", "0"}, {"--episodes must be at least 1"}},
       {{"rl", "eval", "runs/seed-0", "--jobs", "0"}, {"--jobs: 0 is not between 1 and 1024"}},
       {{"rl", "eval", "runs/seed-0", "--mode", "all"}, {"--mode: unknown choice 'all'"}},
       {{"rl", "eval", "runs/seed-0", "--out", "runs/seed-0", "--overwrite"},
        {"is the folder of the agent itself"}},
       {{"rl", "eval", "runs/seed-0", "--out", "runs/seed-1"}, {"holds an earlier run"}}});
}

}  // namespace
}  // namespace ergon::testing
