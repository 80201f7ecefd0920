#include "ergon/core/denormals.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

namespace ergon {
namespace {

/// Half of the smallest normal number, computed now.
double half_of_smallest() {
  volatile double smallest = std::numeric_limits<double>::min();
  return smallest / 2;
}

TEST(CoreDenormals, AreFlushedOnTheCallingThreadAlone) {
#if !defined(__x86_64__) && !defined(__aarch64__)
  GTEST_SKIP() << "this machine keeps denormal numbers";
#endif
  double after = 1;
  std::thread([&] {
    flush_denormals();
    after = half_of_smallest();
  }).join();
  EXPECT_EQ(after, 0);
  EXPECT_GT(half_of_smallest(), 0);
}

}  // namespace
}  // namespace ergon
