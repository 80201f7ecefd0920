#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "refusals.hpp"
#include "rl_runs.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// What the files compute is judged in tests/rl/policy_onnx_test.cpp and
// tests/rl/autograd/policy_script_test.cpp.

TEST(AppRlExport, WritesEachFormatBesideTheAgentAndSaysWhatItTakes) {
  const Workspace& here = two_seeds();
  const auto exported = [&](const std::string& format) {
    const Outcome outcome =
        here.run({"rl", "export", "runs/seed-0", "--format", format, "--overwrite"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  };
  EXPECT_THAT(exported("torchscript"), StartsWith("runs/seed-0/policy.pt\n  forward(observation)"));
  EXPECT_THAT(here.read("runs/seed-0/policy.pt"), StartsWith("PK"));
  EXPECT_THAT(exported("onnx"), HasSubstr("observation -> action, mean, log_stddev"));
  EXPECT_THAT(here.read("runs/seed-0/policy.onnx"), HasSubstr("Pendulum-v1"));
  EXPECT_EQ(exported("safetensors"), "runs/seed-0/policy.safetensors\n");
  EXPECT_EQ(here.read("runs/seed-0/policy.safetensors"),
            here.read("runs/seed-0/agent.safetensors"));
}

TEST(AppRlExport, TakesAFileOrTheBestPolicyAndANameForTheResult) {
  const Workspace& here = two_seeds();
  const Words onnx = {"--format", "onnx", "--overwrite"};
  ASSERT_EQ(here.run(joined({"rl", "export", "runs/seed-1", "--best", "--out", "a"}, onnx)).status,
            0);
  ASSERT_EQ(
      here.run(joined({"rl", "export", "runs/seed-1/best-agent.safetensors", "--out", "b"}, onnx))
          .status,
      0);
  EXPECT_EQ(here.read("a"), here.read("b"));
}

TEST(AppRlExport, WhatCannotBeExportedIsRefusedAndNothingIsLeft) {
  const Workspace& here = two_seeds();
  here.write("taken.onnx", "mine");
  here.write("text.safetensors", "no such format at all");
  expect_all_refused(
      here,
      {{{"rl", "export"}, {"export which agent?"}},
       {{"rl", "export", "nowhere"}, {"nowhere: there is no such file or folder"}},
       {{"rl", "export", "runs"}, {"runs holds 2 runs", "runs/seed-0"}},
       {{"rl", "export", "runs/seed-0", "--format", "pickle"}, {"torchscript", "onnx"}},
       {{"rl", "export", "runs/seed-0", "--out", "taken.onnx", "--format", "onnx"},
        {"taken.onnx exists", "--overwrite"}},
       {{"rl", "export", "runs/seed-0", "--out", "runs", "--overwrite"}, {"runs is a folder"}},
       {{"rl", "export", "runs/seed-0", "--out", "runs/seed-0/agent.safetensors", "--overwrite",
         "--format", "safetensors"},
        {"is the agent itself"}},
       {{"rl", "export", "text.safetensors", "--format", "onnx", "--out", "x"},
        {"text.safetensors"}},
       {{"rl", "export", "text.safetensors", "--out", "x"}, {"text.safetensors"}}});
  EXPECT_EQ(here.read("taken.onnx"), "mine");
}

}  // namespace
}  // namespace ergon::testing
