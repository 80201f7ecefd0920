#include "ergon/core/interrupt.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

int handled_elsewhere = 0;
void count_signal(int) { ++handled_elsewhere; }

TEST(CoreInterrupt, TheFirstSignalBecomesAFlag) {
  for (const int number : {SIGINT, SIGTERM}) {
    const InterruptGuard guard;
    EXPECT_FALSE(interrupt_requested()) << "a new guard starts afresh";
    std::raise(number);
    EXPECT_TRUE(interrupt_requested());
  }
  EXPECT_TRUE(interrupt_requested()) << "the flag outlives its guard, so that the caller can ask";
}

TEST(CoreInterrupt, TheSecondSignalEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto interrupt_twice = [] {
    const InterruptGuard guard;
    std::raise(SIGINT);
    std::raise(SIGINT);
  };
  EXPECT_EXIT(interrupt_twice(), ::testing::KilledBySignal(SIGINT), "");
}

TEST(CoreInterrupt, ThePreviousHandlersComeBack) {
  const auto previous = std::signal(SIGINT, count_signal);
  handled_elsewhere = 0;
  {
    const InterruptGuard guard;
    std::raise(SIGINT);
    EXPECT_EQ(handled_elsewhere, 0);
  }
  std::raise(SIGINT);
  EXPECT_EQ(handled_elsewhere, 1);
  std::signal(SIGINT, previous);
}

TEST(CoreInterrupt, TwoGuardsAtOnceAreADefect) {
  const InterruptGuard guard;
  EXPECT_THROW(InterruptGuard second, BrokenPromise);
  std::raise(SIGINT);
  EXPECT_TRUE(interrupt_requested()) << "the first guard still works";
}

}  // namespace
}  // namespace ergon
