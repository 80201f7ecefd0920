#include "support/golden.hpp"

namespace ergon::testing {
namespace {

TEST(SupportGolden, LoadsEveryArrayOfACaseByName) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  const auto files = list_shared("golden/stein_step", ".npz");
  ASSERT_FALSE(files.empty());
  for (const std::string& file : files) {
    const auto arrays = load_golden(file);
    ASSERT_EQ(arrays.count("x"), 1u) << file;
    ASSERT_EQ(arrays.count("bf_phi"), 1u) << file;
    EXPECT_EQ(arrays.at("x").sizes(), arrays.at("bf_phi").sizes()) << file;
  }
}

TEST(SupportGolden, AbsentFoldersAreEmpty) {
  EXPECT_FALSE(shared_exists("no/such/folder"));
  EXPECT_TRUE(list_shared("no/such/folder", ".npz").empty());
}

}  // namespace
}  // namespace ergon::testing
