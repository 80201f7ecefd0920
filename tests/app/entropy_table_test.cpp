#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.hpp"

namespace ergon::testing {
namespace {

using ::testing::HasSubstr;

TEST(AppEntropyTable, ComputesCellsOncePrintsTheTableAndWritesItThreeWays) {
  const Workspace here;
  const Words words = {"entropy-table", "--only", "gaussian-worked", "--seeds", "0-1",
                       "--jobs",        "2",      "--fit",           "1",       "--out",
                       "table",         "--quiet"};
  const Outcome first = here.run(words);
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("| gaussian-worked | 3.41"));
  EXPECT_EQ(first.out, here.read("table/table.md"));
  const Json rows = here.json("table/table.json")["rows"];
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["sampler"], "p-svgd");
  EXPECT_EQ(rows[1]["sampler"], "met-svgd");
  EXPECT_EQ(rows[1]["seeds"], 2);
  EXPECT_GT(rows[1]["standard_error"].get<double>(), 0.0);
  EXPECT_THAT(here.read("table/table.csv"), HasSubstr("gaussian-worked,met-svgd,3.41"));

  const std::string cell = "table/gaussian-worked/met-svgd/seed-1/result.json";
  const std::string before = here.read(cell);
  const Outcome second = here.run(words);
  EXPECT_EQ(second.out, first.out);
  EXPECT_EQ(here.read(cell), before) << "a finished cell was computed again";
}

TEST(AppEntropyTable, NegativeFitsAndSeedsGivenTwiceAreRefused) {
  const Workspace here;
  const std::pair<Words, std::string> faults[] = {
      {{"entropy-table", "--fit", "-1"}, "--fit must not be negative"},
      {{"entropy-table", "--seeds", "0,0"}, "--seeds: 0 is given twice"},
      {{"entropy-table", "--seeds", "0-2,1"}, "--seeds: 1 is given twice"}};
  for (const auto& [words, says] : faults) {
    const Outcome outcome = here.run(words);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.err, HasSubstr(says));
    EXPECT_TRUE(here.list().empty());
  }
}

}  // namespace
}  // namespace ergon::testing
