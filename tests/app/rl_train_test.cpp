#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "program.hpp"
#include "refusals.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

/// The files of a run, whose bits are decided by its options and its seed.
const Words kExactFiles = {"agent.safetensors", "best-agent.safetensors", "episodes.csv",
                           "evaluations.csv",   "evaluation_returns.csv", "updates.csv"};

/// A run of a second with episodes, updates and evaluations.
Words small_run(const Words& more = {}) {
  Words words = {"rl",          "train",
                 "Pendulum-v1", "--steps",
                 "300",         "--random-steps",
                 "50",          "--update-after",
                 "50",          "--actor-hidden",
                 "16,16",       "--critic-hidden",
                 "16,16",       "--batch",
                 "32",          "--evaluate-every",
                 "100",         "--evaluation-episodes",
                 "2",           "--max-episode-steps",
                 "40",          "--no-figures",
                 "--quiet"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// The same on a simulated environment with an update a step.
Words hopper_run(const Words& more = {}) {
  Words words = small_run(more);
  words[2] = "Hopper-v4";
  return words;
}

Json without_times(Json result) {
  for (const char* key : {"seconds", "speed", "date"}) result.erase(key);
  return result;
}

void expect_same_run(const Workspace& here, const Workspace& there) {
  for (const auto& file : kExactFiles)
    EXPECT_EQ(here.read("run/" + file), there.read("run/" + file)) << file << " differs";
  EXPECT_EQ(without_times(here.json("run/result.json")),
            without_times(there.json("run/result.json")));
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(AppRlTrain, ARunLeavesWhatTheGuideSays) {
  const Workspace here;
  const Outcome outcome = here.run({"rl", "train", "Pendulum-v1", "--steps", "1200", "--batch",
                                    "16", "--evaluate-every", "400", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const std::string folder = "out/rl-pendulum-v1-pendulum-seed0";
  EXPECT_THAT(here.list(folder),
              ::testing::ElementsAre("agent.safetensors", "best-agent.safetensors", "episodes.csv",
                                     "evaluation_returns.csv", "evaluations.csv",
                                     "events.out.tfevents.0.ergon", "learning_curve.svg",
                                     "report.html", "result.json", "updates.csv"));
  EXPECT_EQ(outcome.out, here.read(folder + "/result.json"));
  EXPECT_THAT(outcome.err, HasSubstr("Pendulum-v1: 3 observations, 1 action"));
  EXPECT_THAT(outcome.err, HasSubstr("preset pendulum: actor 64-64, critics 64-64, batch 16"));
  const Json result = here.json(folder + "/result.json");
  EXPECT_EQ(result["warnings"], Json::array());
  EXPECT_EQ(result["steps"], 1200);
  EXPECT_EQ(result["updates"], 1200 - 200 + 1);
  EXPECT_EQ(result["episodes"], 6);
  EXPECT_EQ(result["evaluations"], 3);
  EXPECT_EQ(result["final"]["step"], 1200);
  EXPECT_EQ(result["final"]["deterministic"]["episodes"], 10);
  EXPECT_GE(result["best"]["deterministic"]["value"], result["final"]["deterministic"]["value"]);
  EXPECT_EQ(occurrences(here.read(folder + "/evaluation_returns.csv"), "\n"), 1 + 3 * 2 * 10);
}

TEST(AppRlTrain, EveryKeyOfTheResultIsDocumented) {
  const Workspace here;
  ASSERT_EQ(here.run(hopper_run({"--out", "run"})).status, 0);
  ASSERT_EQ(here.run(small_run({"--seeds", "0-1", "--out", "several"})).status, 0);
  std::ostringstream text;
  text << std::ifstream(ERGON_SOURCE_DIR "/docs/rl_result_schema.md").rdbuf();
  const std::string page = text.str();
  const std::function<void(const Json&)> expect_documented = [&](const Json& json) {
    if (json.is_array() && !json.empty()) expect_documented(json[0]);
    if (!json.is_object()) return;
    for (const auto& [key, value] : json.items()) {
      EXPECT_THAT(page, HasSubstr("`" + key + "`"));
      if (key != "options") expect_documented(value);
    }
  };
  expect_documented(here.json("run/result.json"));
  expect_documented(here.json("several/summary.json"));
  const std::string help = here.run({"rl", "train", "--help"}).out;
  const Json options = here.json("run/result.json")["options"];
  for (const char* block : {"sac", "training"}) {
    for (const auto& [option, value] : options[block].items())
      EXPECT_THAT(help, HasSubstr("--" + option + " ")) << block;
  }
}

TEST(AppRlTrain, TheTableShowsTheNumbersOfTheResult) {
  const Workspace here;
  const Outcome outcome = here.run(small_run({"--out", "run"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const double mean = here.json("run/result.json")["final"]["deterministic"]["value"];
  std::ostringstream number;
  number.precision(5);
  number << mean;
  EXPECT_THAT(outcome.out, HasSubstr(number.str()));
  EXPECT_EQ(outcome.err, "") << "--quiet";
}

TEST(AppRlTrain, TheSameSeedGivesTheSameBitsAndAnotherOthers) {
  const Workspace first, second, other;
  ASSERT_EQ(first.run(small_run({"--out", "run", "--seed", "4"})).status, 0);
  ASSERT_EQ(second.run(small_run({"--out", "run", "--seed", "4"})).status, 0);
  ASSERT_EQ(other.run(small_run({"--out", "run", "--seed", "5"})).status, 0);
  expect_same_run(first, second);
  for (const auto& file : kExactFiles) {
    if (file == "updates.csv") continue;  // no row before 1000 steps
    EXPECT_NE(first.read("run/" + file), other.read("run/" + file)) << file;
  }
}

/// Stops a run after some checkpoints.
Outcome stop(const Workspace& here, Words words, int checkpoints, int signal_number) {
  words.insert(words.end(), {"--out", "run", "--checkpoint-every", "0"});
  Running running(here, words);
  EXPECT_TRUE(running.wait_for_versions(here.path("run/checkpoint/state.safetensors"), checkpoints))
      << "it was over: this tests nothing";
  running.send(signal_number);
  return running.wait();
}

TEST(AppRlResume, CtrlCLeavesACheckpointAndTheResumedRunEndsWithTheSameBits) {
  const Workspace whole, here;
  ASSERT_EQ(whole.run(small_run({"--out", "run"})).status, 0);
  const Outcome stopped = stop(here, small_run(), 60, SIGINT);
  ASSERT_EQ(stopped.status, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("ergon rl train --resume run"));
  EXPECT_FALSE(here.has("run/result.json"));
  const Outcome resumed = here.run({"rl", "train", "--resume", "run", "--quiet"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  expect_same_run(here, whole);
  EXPECT_FALSE(here.has("run/checkpoint"));
}

TEST(AppRlResume, ARunKilledTwiceOnHopperEndsWithTheSameBits) {
  const Workspace whole, here;
  ASSERT_EQ(whole.run(hopper_run({"--out", "run"})).status, 0);
  ASSERT_EQ(stop(here, hopper_run(), 90, SIGKILL).status, 128 + SIGKILL);
  {
    Running again(here, {"rl", "train", "--resume", "run", "--quiet", "--checkpoint-every", "0"});
    ASSERT_TRUE(again.wait_for_versions(here.path("run/checkpoint/state.safetensors"), 50));
    again.send(SIGKILL);
    ASSERT_EQ(again.wait().status, 128 + SIGKILL);
  }
  EXPECT_FALSE(here.has("run/result.json"));
  const Outcome resumed = here.run({"rl", "train", "--resume", "run", "--quiet"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  expect_same_run(here, whole);
}

TEST(AppRlResume, TheEventsOfAResumedRunAreComplete) {
  const Workspace here;
  ASSERT_EQ(stop(here, small_run(), 130, SIGKILL).status, 128 + SIGKILL);
  ASSERT_EQ(here.run({"rl", "train", "--resume", "run", "--quiet"}).status, 0);
  const std::string events = here.read("run/events.out.tfevents.0.ergon");
  EXPECT_EQ(occurrences(events, "eval/deterministic"), 3u);
  EXPECT_EQ(occurrences(events, "eval/stochastic"), 3u);
  EXPECT_EQ(occurrences(events, "rollout/return"),
            here.json("run/result.json")["episodes"].get<std::size_t>());
}

TEST(AppRlResume, AFinishedRunSaysSoAndPrintsItsResultAgain) {
  const Workspace here;
  ASSERT_EQ(here.run(small_run({"--out", "run"})).status, 0);
  const Outcome outcome = here.run({"rl", "train", "--resume", "run", "--json"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("run is finished"));
  EXPECT_EQ(outcome.out, here.read("run/result.json"));
}

TEST(AppRlResume, DamagedAndForeignCheckpointsAreRefusedInOneSentence) {
  const Workspace here;
  ASSERT_EQ(stop(here, small_run(), 30, SIGINT).status, 130);
  const std::string state = here.read("run/checkpoint/state.safetensors");
  const std::string options = here.read("run/checkpoint/options.json");
  const auto refused = [&](const std::string& names) {
    expect_refused(here.run({"rl", "train", "--resume", "run", "--quiet"}), {names});
  };
  std::filesystem::create_directories(here.path("run/checkpoint"));
  here.write("run/checkpoint/state.safetensors", state.substr(0, state.size() / 2));
  refused("state.safetensors");
  std::string flipped = state;
  flipped[flipped.size() - 100] = static_cast<char>(flipped[flipped.size() - 100] ^ 1);
  std::filesystem::create_directories(here.path("run/checkpoint"));
  here.write("run/checkpoint/state.safetensors", flipped);
  refused("state.safetensors");
  std::filesystem::create_directories(here.path("run/checkpoint"));
  here.write("run/checkpoint/state.safetensors", "not of this format");
  refused("state.safetensors");
  std::filesystem::create_directories(here.path("run/checkpoint"));
  here.write("run/checkpoint/state.safetensors", state);
  Json other = Json::parse(options);
  other["options"]["environment"]["name"] = "Hopper-v4";
  here.write("run/checkpoint/options.json", other.dump());
  refused("state.safetensors");
  here.write("run/checkpoint/options.json", options.substr(0, options.size() / 2));
  refused("options.json");
  here.write("run/checkpoint/options.json", options);
  EXPECT_EQ(here.run({"rl", "train", "--resume", "run", "--quiet"}).status, 0);
}

TEST(AppRlTrain, NumbersThatLeaveTheRealsStopTheRunWithTheirCauseAndACheckpoint) {
  const Workspace here;
  const Outcome outcome = here.run(small_run({"--out", "run", "--critic-learning-rate", "1e30"}));
  expect_refused(outcome, {"the training was stopped", "training has diverged", "run/checkpoint"});
  EXPECT_TRUE(here.has("run/checkpoint/state.safetensors")) << "the last good one";
  EXPECT_TRUE(here.has("run/checkpoint/state-at-failure.safetensors"));
  EXPECT_FALSE(here.has("run/result.json"));
  EXPECT_EQ(here.run({"rl", "train", "--resume", "run", "--quiet"}).err, outcome.err)
      << "the same failure follows again";
}

TEST(AppRlTrain, AFolderThatAnotherProcessWritesIsLeftAlone) {
  const Workspace here;
  ASSERT_EQ(here.run(small_run({"--out", "run"})).status, 0);
  const std::string result = here.read("run/result.json");
  const int folder = ::open(here.path("run").c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(folder, LOCK_EX | LOCK_NB), 0);
  expect_refused(here.run(small_run({"--out", "run", "--overwrite"})),
                 {"run is being written by another process"});
  EXPECT_EQ(here.read("run/result.json"), result);
  ::close(folder);
  EXPECT_EQ(here.run(small_run({"--out", "run", "--overwrite"})).status, 0);
}

TEST(AppRlTrain, AFolderWhoseRunWasKilledBeforeItsFirstCheckpointIsFree) {
  const Workspace here;
  std::filesystem::create_directories(here.path("run/checkpoint"));
  here.write("run/checkpoint/state.safetensors.tmp-1-0", "half");
  EXPECT_EQ(here.run(small_run({"--out", "run"})).status, 0);
  EXPECT_FALSE(here.has("run/checkpoint"));
}

TEST(AppRlTrain, WarnsWhenNothingWasLearned) {
  const Workspace here;
  const Outcome outcome =
      here.run(small_run({"--out", "run", "--update-after", "100000", "--replay", "4"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json warnings = Json::parse(here.read("run/result.json"))["warnings"];
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_NE(warnings[0].get<std::string>().find("nothing was learned"), std::string::npos);
  EXPECT_NE(outcome.out.find("nothing was learned"), std::string::npos);
}

TEST(AppRlSeeds, SeveralSeedsMakeASummaryAndAreNotComputedAgain) {
  const Workspace here;
  const Words words = small_run({"--seeds", "3,5", "--jobs", "2", "--out", "runs", "--json"});
  const Outcome outcome = here.run(words);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, here.read("runs/summary.json"));
  const Json summary = Json::parse(outcome.out);
  ASSERT_EQ(summary["runs"].size(), 2u);
  double mean = 0.0;
  for (const Json& run : summary["runs"])
    mean += run["final"]["deterministic"]["value"].get<double>() / 2;
  EXPECT_NEAR(summary["final"]["deterministic"]["value"], mean, 1e-9) << "two runs: a plain mean";
  EXPECT_EQ(summary["curve"]["step"], Json::array({100, 200, 300}));
  const std::string result = here.read("runs/seed-3/result.json");
  ASSERT_EQ(here.run(words).status, 0);
  EXPECT_EQ(here.read("runs/seed-3/result.json"), result);
  const Workspace alone;
  ASSERT_EQ(alone.run(small_run({"--seed", "5", "--out", "run"})).status, 0);
  EXPECT_EQ(here.read("runs/seed-5/agent.safetensors"), alone.read("run/agent.safetensors"));
}

TEST(AppRlSeeds, AnInterruptedSeedGoesOnAndOtherSettingsAreRefused) {
  const Workspace here;
  Words single = small_run({"--seed", "1", "--out", "runs/seed-1", "--checkpoint-every", "0"});
  {
    Running running(here, single);
    ASSERT_TRUE(
        running.wait_for_versions(here.path("runs/seed-1/checkpoint/state.safetensors"), 40));
    running.send(SIGKILL);
    running.wait();
  }
  ASSERT_FALSE(here.has("runs/seed-1/result.json"));
  ASSERT_EQ(here.run(small_run({"--seeds", "1", "--out", "runs"})).status, 0);
  const Workspace whole;
  ASSERT_EQ(whole.run(small_run({"--seed", "1", "--out", "run"})).status, 0);
  EXPECT_EQ(here.read("runs/seed-1/agent.safetensors"), whole.read("run/agent.safetensors"));
  const Words other = small_run({"--seeds", "1", "--out", "runs", "--discount", "0.9"});
  expect_refused(here.run(other), {"runs/seed-1 holds a run of other settings", "--overwrite"});
  Words replaced = other;
  replaced.emplace_back("--overwrite");
  EXPECT_EQ(here.run(replaced).status, 0);
  EXPECT_EQ(here.json("runs/seed-1/result.json")["options"]["sac"]["discount"], 0.9);
}

TEST(AppRlFaults, AreRefusedInASentenceAndLeaveNothingBehind) {
  expect_all_refused(
      Workspace(),
      {{{"rl", "tarin"}, {"unknown command 'rl tarin'", "did you mean train?"}},
       {{"rl", "train"}, {"ergon envs"}},
       {{"rl", "train", "Hoper-v4"}, {"Hoper-v4", "Hopper-v4"}},
       {{"rl", "train", "Hopper-v4", "--preset", "sb3"}, {"--preset", "stable-baselines3"}},
       {{"rl", "train", "Hopper-v4", "--batch", "0"}, {"batch", "0"}},
       {{"rl", "train", "Hopper-v4", "--steps", "0"}, {"steps", "0"}},
       {{"rl", "train", "Hopper-v4", "--actor-hidden", "64,x"}, {"--actor-hidden", "'x'"}},
       {{"rl", "train", "Hopper-v4", "--checkpoint-every", "-1"}, {"--checkpoint-every"}},
       {{"rl", "train", "Hopper-v4", "--seed", "1", "--seeds", "1-2"}, {"--seed", "--seeds"}},
       {{"rl", "train", "Hopper-v4", "--seeds", "2-1"}, {"--seeds", "2-1"}},
       {{"rl", "train", "Hopper-v4", "--jobs", "2"}, {"--jobs", "--seeds"}},
       {{"rl", "train", "--resume", "nowhere"}, {"nowhere", "no checkpoint"}},
       {{"rl", "train", "--resume", "x", "--batch", "3"}, {"--resume", "leave --batch out"}}});
}

TEST(AppRlTrain, AFolderThatHoldsARunIsRefusedUnlessItMayBeReplaced) {
  const Workspace here;
  ASSERT_EQ(here.run(small_run({"--out", "run"})).status, 0);
  const std::string before = here.read("run/agent.safetensors");
  expect_refused(here.run(small_run({"--out", "run", "--seed", "1"})), {"run", "--overwrite"});
  EXPECT_EQ(here.read("run/agent.safetensors"), before);
  EXPECT_EQ(here.run(small_run({"--out", "run", "--seed", "1", "--overwrite"})).status, 0);
  EXPECT_NE(here.read("run/agent.safetensors"), before);
}

// What TensorBoard itself reads, when it is installed.
TEST(AppRlTrain, TensorBoardReadsTheEvents) {
  if (std::system("python3 -c 'import tensorboard' >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "Python's tensorboard is not installed";
  const Workspace here;
  ASSERT_EQ(here.run(small_run({"--out", "run"})).status, 0);
  here.write("read.py",
             "from tensorboard.backend.event_processing.event_accumulator import "
             "EventAccumulator\n"
             "events = EventAccumulator('run', size_guidance={'scalars': 0}).Reload()\n"
             "print([e.step for e in events.Scalars('eval/deterministic')], "
             "len(events.Scalars('rollout/return')))\n");
  const std::string command = "cd " + here.folder() + " && python3 read.py >read.txt 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto episodes = here.json("run/result.json")["episodes"].get<int>();
  EXPECT_EQ(here.read("read.txt"), "[100, 200, 300] " + std::to_string(episodes) + "\n");
}

}  // namespace
}  // namespace ergon::testing
