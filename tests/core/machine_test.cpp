#include "ergon/core/machine.hpp"

#include <gmock/gmock.h>

namespace ergon {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(CoreMachine, TheMachineIsDescribedByWords) {
  const Machine machine = describe_machine();
  EXPECT_FALSE(machine.cpu.empty());
  EXPECT_GE(machine.cores, 1);
  EXPECT_GT(machine.memory_gib, 0.0);
  EXPECT_THAT(machine.system, HasSubstr("Linux"));
  EXPECT_THAT(machine.compiler, ContainsRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  for (const std::string& text : {machine.cpu, machine.system, machine.compiler}) {
    EXPECT_EQ(text.find_first_of("\n\t\""), std::string::npos) << text;
  }
}

TEST(CoreMachine, VersionAndRevisionComeFromTheBuild) {
  EXPECT_THAT(ergon_version(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(ergon_revision(), MatchesRegex("[-A-Za-z0-9._/+]+"));
  EXPECT_EQ(describe_machine().ergon_version, ergon_version());
  EXPECT_EQ(describe_machine().ergon_revision, ergon_revision());
}

}  // namespace
}  // namespace ergon
