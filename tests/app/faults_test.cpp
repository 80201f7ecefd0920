#include <sys/wait.h>

#include <cstdlib>

#include "refusals.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A small run; more words follow.
Words small_run(const Words& more) {
  Words words = {"sample", "gaussian-worked", "--particles", "10",           "--sets",
                 "2",      "--steps",         "3",           "--no-figures", "--quiet"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(AppFaults, UnknownWordsNameTheNearestAndTheAlternatives) {
  expect_all_refused(
      Workspace(),
      {{{"sampel"}, {"unknown command 'sampel'", "did you mean sample?", "study"}},
       {{"sample", "gausian"}, {"unknown target 'gausian'", "did you mean gaussian?", "mixture-4"}},
       {{"targets", "funel"}, {"did you mean funnel?"}},
       {{"samplers", "pSVGD"}, {"unknown sampler", "p-svgd, met-svgd"}},
       {{"sample", "gaussian", "--sampler", "met-svg"},
        {"--sampler", "did you mean met-svgd?", "svgd, p-svgd, met-svgd"}},
       {{"sample", "gaussian", "--bandwith", "median"},
        {"unknown option --bandwith", "did you mean --bandwidth?"}},
       {{"sample", "gaussian", "--bandwidth", "medain"},
        {"--bandwidth", "medain", "did you mean median?", "fixed, per-step"}},
       {{"study", "learned-entropy", "--only", "gauss"},
        {"unknown row 'gauss'", "gaussian-worked"}}});
}

TEST(AppFaults, MalformedValuesAreRefused) {
  expect_all_refused(
      Workspace(),
      {{{"sample"}, {"which target?", "gaussian"}},
       {{"sample", "gaussian", "--steps", "many"}, {"--steps", "'many' is not a whole number"}},
       {{"sample", "gaussian", "--steps", "3.5"}, {"--steps", "'3.5' is not a whole number"}},
       {{"sample", "gaussian", "--steps", "-1"}, {"--steps"}},
       {{"sample", "gaussian", "--steps"}, {"--steps needs a value"}},
       {{"sample", "gaussian", "--step-size-value", "nan"},
        {"--step-size-value", "not a finite number"}},
       {{"sample", "gaussian", "--step-size-value", "1e999"}, {"not a finite number"}},
       {{"sample", "gaussian", "--initial-mean", "1,x"}, {"--initial-mean", "'x'", "commas"}},
       {{"sample", "gaussian", "--mean", "1", "2"}, {"unexpected word '2'", "commas"}},
       {{"sample", "gaussian", "--seed", "-3"}, {"--seed"}},
       {{"sample", "gaussian", "--threads", "0"}, {"--threads"}},
       {{"sample", "gaussian", "--particles", "1"}, {"--particles"}},
       {{"study", "learned-entropy", "--seeds", "4-1"}, {"--seeds"}}});
}

TEST(AppFaults, OptionsThatContradictEachOtherAreRefused) {
  expect_all_refused(
      Workspace(),
      {{{"sample", "gaussian", "--sampler", "svgd", "--fit", "10"}, {"--fit", "met-svgd"}},
       {{"sample", "gaussian", "--sampler", "svgd", "--bound", "frobenius"}, {"svgd", "frobenius"}},
       {{"sample", "gaussian", "--sampler", "met-svgd", "--density", "joint", "--control",
         "metropolis-hastings"},
        {"joint", "metropolis-hastings"}},
       {{"sample", "gaussian", "--bandwidth", "per-step"}, {"--bandwidth-values"}},
       {{"sample", "gaussian", "--sampler", "met-svgd", "--step-size", "bound-fraction", "--bound",
         "none"},
        {"--step-size bound-fraction", "needs a bound"}},
       {{"sample", "ring", "--dim", "3"}, {"ring", "dim"}},
       {{"sample", "gaussian", "--animate", "--no-figures"}, {"--animate"}},
       {{"sample", "logistic"}, {"data"}}});
}

TEST(AppFaults, OptionsOfTheFlowAndTheChainsAreCheckedBeforeWork) {
  const Words gaussian = {"sample", "gaussian"};
  const auto with = [&](const Words& more) {
    Words words = gaussian;
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_all_refused(
      Workspace(),
      {{with({"--estimate", "flows"}), {"--estimate", "did you mean flow?"}},
       {with({"--draws", "1"}), {"--draws", "at least 2", "got 1"}},
       {with({"--flow-safety", "1"}), {"--flow-safety", "between 0 and 1"}},
       {with({"--flow-terms", "0"}), {"--flow-terms", "at least 1"}},
       {with({"--flow-probes", "0"}), {"--flow-probes", "at least 1"}},
       {with({"--defensive-share", "1.5"}), {"--defensive-share", "between 0 and 1", "1.5"}},
       {with({"--estimate", "particles", "--draws", "100"}), {"--draws", "would do nothing"}},
       {with({"--defensive", "none", "--defensive-share", "0.1"}),
        {"--defensive-share", "nothing"}},
       {with({"--sampler", "stein-mh", "--draws", "50"}), {"--draws", "stein-mh"}},
       {with({"--draws", "10", "--sets", "8"}), {"--draws", "8 sets"}},
       {with({"--draws", "1000000000"}), {"not enough memory", "--draws"}},
       {with({"--defensive-scale", "0"}), {"--defensive-scale", "positive"}},
       {with({"--bound", "none"}), {"stein-flow", "--bound none"}},
       {with({"--control", "truncation"}), {"stein-flow", "--control truncation"}},
       {with({"--halves", "alternating"}), {"--halves", "stein-mh"}},
       {with({"--sampler", "met-svgd", "--precondition", "full"}),
        {"--precondition full", "stein-flow"}},
       {with({"--sampler", "stein-mh", "--fit", "10"}), {"--fit", "stein-flow"}},
       {with({"--sampler", "stein-mh", "--particles", "3"}), {"--particles", "at least 4"}},
       {with({"--sampler", "met-svgd", "--fit", "2", "--fit-draws", "9"}),
        {"--fit-draws", "stein-flow"}}});
}

TEST(AppFaults, ARecordThatWouldNotFitInMemoryIsRefusedBeforeWork) {
  const Words words = {"sample",  "standard-normal", "--dim",    "1000",    "--particles",
                       "1000",    "--sets",          "1000",     "--steps", "10000",
                       "--quiet", "--sampler",       "met-svgd", "--fit",   "1"};
  expect_all_refused(Workspace(), {{words,
                                    {"not enough memory to record this run", "--steps", "--sets",
                                     "--particles", "--estimate particles"}}});
}

TEST(AppFaults, ConfigurationFilesAreReadStrictly) {
  const Workspace here;
  here.write("unknown.toml", "steps = 3\nstep_size = 'fixed'\n");
  here.write("open.toml", "# a list\ninitial-mean = [1, 2\n");
  here.write("bare.toml", "bandwidth = median\n");
  here.write("twice.toml", "steps = 3\nsteps = 4\n");
  here.write("words.toml", "steps 3\n");
  here.write("type.toml", "steps = \"many\"\n");
  here.write("table.toml", "[train]\nsteps = 3\n");
  expect_all_refused(
      here,
      {{{"sample", "gaussian", "--config", "missing.toml"}, {"missing.toml"}},
       {{"sample", "gaussian", "--config", "unknown.toml"},
        {"unknown.toml, line 2", "step_size", "did you mean step-size?"}},
       {{"sample", "gaussian", "--config", "open.toml"}, {"open.toml, line 2", "not closed"}},
       {{"sample", "gaussian", "--config", "bare.toml"}, {"bare.toml, line 1", "median", "string"}},
       {{"sample", "gaussian", "--config", "twice.toml"}, {"twice.toml, line 2", "second time"}},
       {{"sample", "gaussian", "--config", "words.toml"}, {"words.toml, line 1", "key = value"}},
       {{"sample", "gaussian", "--config", "type.toml"}, {"type.toml, line 1", "--steps", "many"}},
       {{"sample", "gaussian", "--config", "table.toml"}, {"table.toml, line 1", "[sample]"}}});
}

TEST(AppFaults, EarlierRunsThatAreNotThereAreRefused) {
  const Workspace here;
  here.write("empty.npz", "");
  expect_all_refused(
      here, {{{"sample", "--resume", "nowhere"}, {"nowhere", "no checkpoint"}},
             {{"sample", "gaussian", "--fitted", "nowhere"}, {"--fitted", "nowhere"}},
             {{"sample", "gaussian", "--fitted", "empty.npz"}, {"empty.npz", "not an .npz file"}},
             {{"sample", "gaussian", "--resume", "nowhere"}, {"leave gaussian out"}},
             {{"sample", "--resume", "nowhere", "--steps", "3"}, {"leave --steps out"}}});
}

TEST(AppFaults, MissingAndMalformedDataFilesAreRefused) {
  const Workspace here;
  here.write("words.csv", "a,b,label\n1,2,0\n3,four,1\n");
  here.write("constant.csv", "a,b,label\n1,2,0\n3,2,1\n5,2,0\n");
  here.write("text.pt", "this is no TorchScript\n");
  const std::string data = ERGON_SOURCE_DIR "/tests/data/";
  expect_all_refused(
      here, {{{"sample", "logistic", "--data", "missing.csv"}, {"missing.csv"}},
             {{"sample", "logistic", "--data", "words.csv"}, {"words.csv", "3", "four"}},
             {{"sample", "logistic", "--data", "constant.csv"}, {"constant.csv", "b"}},
             {{"sample", "torchscript", "--model", "text.pt", "--dim", "2"}, {"text.pt"}},
             {{"sample", "torchscript", "--model", data + "nan.pt", "--dim", "2", "--out", "nan"},
              {"nan.pt", "NaN"}}});
}

TEST(AppFaults, WrongDimensionsAreRefused) {
  expect_all_refused(Workspace(),
                     {{small_run({"--initial-mean", "1,2,3"}), {"initial-mean", "3", "2"}}});
}

TEST(AppFaults, FoldersThatCannotBeWrittenAreRefusedBeforeWork) {
  const Workspace here;
  here.write("file", "in the way");
  expect_all_refused(here, {{small_run({"--out", "file/run"}), {"file/run"}},
                            {small_run({"--out", "/proc/run"}), {"/proc/run"}}});
}

TEST(AppFaults, AFullDiskLeavesACheckpointAndNoHalfWrittenFile) {
  const Workspace here;
  // Room for a checkpoint of the ten particles, but not for the samples of a thousand steps' trace.
  const Words words = {"sample",
                       "gaussian-worked",
                       "--sampler",
                       "met-svgd",
                       "--estimate",
                       "particles",
                       "--particles",
                       "10",
                       "--sets",
                       "2",
                       "--steps",
                       "400",
                       "--no-figures",
                       "--quiet",
                       "--out",
                       "run",
                       "--checkpoint-every",
                       "1000"};
  expect_refused(here.run(words, 16384), {"run/", "ergon sample --resume run"});
  EXPECT_FALSE(here.has("run/result.json"));
  EXPECT_TRUE(here.has("run/checkpoint/state.npz"));
  for (const auto& name : here.list("run")) EXPECT_EQ(name.find("tmp"), std::string::npos) << name;
  const Outcome resumed = here.run({"sample", "--resume", "run", "--quiet"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_TRUE(here.has("run/result.json"));
}

TEST(AppFaults, ADiskWithoutRoomForTheDrawsKeepsTheRunToResume) {
  const Workspace here;
  Words words = small_run({"--out", "run", "--draws", "3000"});
  expect_refused(here.run(words, 65536), {"run/draws.npz", "ergon sample --resume run"});
  EXPECT_FALSE(here.has("run/result.json"));
  const Outcome resumed = here.run({"sample", "--resume", "run", "--quiet"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(here.json("run/result.json")["draws"], 3000);
}

TEST(AppFaults, ADiskWithoutRoomForTheFirstCheckpointIsLeftAsItWas) {
  const Workspace here;
  expect_refused(here.run(small_run({"--out", "new/run"}), 1024), {"state.npz"});
  EXPECT_FALSE(here.has("new"));
}

TEST(AppFaults, StandardOutputThatCannotBeWrittenIsAnErrorAfterTheFilesAreComplete) {
  const Workspace here;
  const auto run_to_full_device = [&](const std::string& words) {
    const std::string command =
        "cd " + here.folder() + " && " + ERGON_PROGRAM + " " + words + " > /dev/full 2> errors";
    const int status = std::system(command.c_str());
    EXPECT_THAT(here.read("errors"), StartsWith("ergon: standard output cannot be written"));
    EXPECT_EQ(here.read("errors").find('\n'), here.read("errors").size() - 1);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(run_to_full_device("targets"), 2);
  EXPECT_EQ(run_to_full_device("samplers"), 2);
  EXPECT_EQ(run_to_full_device("sample --help"), 2);
  EXPECT_EQ(
      run_to_full_device("sample gaussian --steps 1 --particles 5 --no-figures --quiet --json "
                         "--out run"),
      2);
  EXPECT_TRUE(here.has("run/result.json"));
}

TEST(AppFaults, AnEarlierRunIsNotOverwrittenUnlessAsked) {
  const Workspace here;
  ASSERT_EQ(here.run(small_run({"--out", "run", "--seed", "1"})).status, 0);
  const std::string before = here.read("run/samples.npz");
  expect_refused(here.run(small_run({"--out", "run", "--seed", "2"})),
                 {"run holds an earlier run", "--overwrite"});
  EXPECT_EQ(here.read("run/samples.npz"), before);
  here.write("run/notes.txt", "mine");
  EXPECT_EQ(here.run(small_run({"--out", "run", "--seed", "2", "--overwrite"})).status, 0);
  EXPECT_NE(here.read("run/samples.npz"), before);
  EXPECT_EQ(here.read("run/notes.txt"), "mine");
}

TEST(AppFaults, ARunWhoseDensityLeavesTheRealsStopsWithItsCheckpoint) {
  const Workspace here;
  const Outcome outcome = here.run({"sample", "many-well", "--sampler", "svgd", "--step-size-value",
                                    "1e160", "--particles", "20", "--sets", "2", "--steps", "20",
                                    "--no-figures", "--quiet", "--out", "run"});
  expect_refused(outcome, {"at step 1", "not finite", "40 particles", "step-size",
                           "metropolis-hastings", "run/checkpoint"});
  EXPECT_TRUE(here.has("run/checkpoint/state.npz"));
  EXPECT_FALSE(here.has("run/result.json"));
}

TEST(AppFaults, TruncationThatLeavesNobodyStopsTheRunWithItsCheckpoint) {
  const Workspace here;
  const Words stopped = {"truncation left", "--control-truncation", "run/checkpoint"};
  expect_refused(
      here.run({"sample", "gaussian-worked", "--sampler", "p-svgd", "--step-size-value", "30",
                "--particles", "20", "--sets", "2", "--steps", "30", "--no-figures", "--quiet",
                "--out", "run", "--checkpoint-every", "1000"}),
      stopped);
  EXPECT_FALSE(here.has("run/result.json"));
  expect_refused(here.run({"sample", "--resume", "run", "--quiet"}), stopped);
}

TEST(AppFaults, SizesBeyondAllMemoryAreRefusedInOneSentence) {
  const Words most = {"--particles", "10000000",   "--sets",   "10000000",
                      "--quiet",     "--estimate", "particles"};
  Words beyond_memory = {"sample", "gaussian-worked"};
  Words beyond_64_bits = {"sample", "standard-normal", "--dim", "100000"};
  beyond_memory.insert(beyond_memory.end(), most.begin(), most.end());
  beyond_64_bits.insert(beyond_64_bits.end(), most.begin(), most.end());
  expect_all_refused(Workspace(), {{beyond_memory, {"not enough memory"}},
                                   {beyond_64_bits, {"not enough memory"}}});
}

}  // namespace
}  // namespace ergon::testing
