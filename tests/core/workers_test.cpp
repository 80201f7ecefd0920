#include "ergon/core/workers.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ergon/core/errors.hpp"
#include "temporary_folder.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace ergon {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using testing::message_of;

/// One thread again after each test.
class CoreWorkers : public ::testing::Test {
 protected:
  ~CoreWorkers() override { set_worker_threads(1); }
};

/// Meets others: each waits until `count` have come, or for ten seconds; true if they came.
class Meeting {
 public:
  explicit Meeting(int count) : missing_(count) {}
  bool wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (--missing_ <= 0) all_here_.notify_all();
    return all_here_.wait_for(lock, std::chrono::seconds(10), [this] { return missing_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  int missing_;
};

std::vector<int> calls_of_each_piece(std::int64_t pieces) {
  std::vector<int> calls(static_cast<std::size_t>(pieces));
  parallel_over(pieces, [&](std::int64_t piece) { ++calls[static_cast<std::size_t>(piece)]; });
  return calls;
}

TEST_F(CoreWorkers, IsOneThreadUntilMoreAreAskedFor) {
  EXPECT_EQ(worker_threads(), 1);
  const auto caller = std::this_thread::get_id();
  parallel_over(5, [&](std::int64_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST_F(CoreWorkers, CallsEachPieceOnce) {
  for (const int threads : {1, 2, 5}) {
    set_worker_threads(threads);
    for (const std::int64_t pieces : {1, 2, 3, 64, 1000}) {
      EXPECT_THAT(calls_of_each_piece(pieces), Each(1)) << pieces << " on " << threads;
    }
  }
}

TEST_F(CoreWorkers, CallsEachPieceOnceInThousandsOfShortCallsInARow) {
  set_worker_threads(3);
  for (int call = 0; call < 5000; ++call) {
    ASSERT_THAT(calls_of_each_piece(1 + call % 7), Each(1)) << "call " << call;
  }
}

TEST_F(CoreWorkers, WakesWorkersThatWentToSleep) {
  set_worker_threads(2);
  for (int call = 0; call < 5; ++call) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    Meeting meeting(2);
    parallel_over(2, [&](std::int64_t) { EXPECT_TRUE(meeting.wait()); });
  }
}

TEST_F(CoreWorkers, ACallWithoutPiecesDoesNothing) {
  set_worker_threads(2);
  for (const std::int64_t pieces : {0, -1}) {
    parallel_over(pieces, [](std::int64_t piece) { ADD_FAILURE() << "piece " << piece; });
  }
}

TEST_F(CoreWorkers, AsManyThreadsAsWereSetWorkAtTheSameTime) {
  for (const int threads : {2, 4, 3, 2}) {
    set_worker_threads(threads);
    EXPECT_EQ(worker_threads(), threads);
    Meeting meeting(threads);
    parallel_over(threads, [&](std::int64_t) { EXPECT_TRUE(meeting.wait()) << threads; });
  }
}

TEST_F(CoreWorkers, RethrowsTheExceptionOfTheLowestPieceThatThrew) {
  for (const int threads : {1, 2, 4}) {
    set_worker_threads(threads);
    for (int call = 0; call < 200; ++call) {
      const auto body = [](std::int64_t piece) {
        if (piece >= 3) fail("piece {}", piece);
      };
      EXPECT_EQ(message_of([&] { parallel_over(50, body); }), "piece 3") << threads;
    }
    EXPECT_THAT(calls_of_each_piece(20), Each(1)) << "the next call is as ever";
  }
}

TEST_F(CoreWorkers, LeavesOutThePiecesAfterAnException) {
  set_worker_threads(2);
  std::atomic<int> calls{0};
  const auto body = [&](std::int64_t piece) {
    ++calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (piece == 0) throw std::runtime_error("first");
  };
  EXPECT_THROW(parallel_over(100000, body), std::runtime_error);
  EXPECT_LT(calls, 100000);
}

TEST_F(CoreWorkers, ACallWithinAPieceRunsOnItsOwnThread) {
  set_worker_threads(2);
  std::vector<std::vector<int>> calls(8, std::vector<int>(16));
  parallel_over(8, [&](std::int64_t outer) {
    const auto here = std::this_thread::get_id();
    parallel_over(16, [&](std::int64_t inner) {
      EXPECT_EQ(std::this_thread::get_id(), here);
      ++calls[static_cast<std::size_t>(outer)][static_cast<std::size_t>(inner)];
    });
  });
  EXPECT_THAT(calls, Each(Each(1)));
}

TEST_F(CoreWorkers, ACallWhileAnotherThreadHasTheWorkersRunsOnItsCaller) {
  set_worker_threads(2);
  Meeting begun(3);
  Meeting end(3);
  std::thread other([&] {
    parallel_over(2, [&](std::int64_t) {
      EXPECT_TRUE(begun.wait());
      EXPECT_TRUE(end.wait());
    });
  });
  EXPECT_TRUE(begun.wait());
  const auto caller = std::this_thread::get_id();
  int calls = 0;
  parallel_over(10, [&](std::int64_t) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    ++calls;
  });
  EXPECT_EQ(calls, 10);
  EXPECT_TRUE(end.wait());
  other.join();
}

TEST_F(CoreWorkers, CallsFromManyThreadsWhileTheNumberChangesLoseNothing) {
  std::atomic<int> wrong{0};
  std::atomic<bool> changing{true};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      while (changing) {
        if (calls_of_each_piece(9) != std::vector<int>(9, 1)) ++wrong;
      }
    });
  }
  for (int change = 0; change < 50; ++change) set_worker_threads(1 + change % 4);
  changing = false;
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(CoreWorkers, ResultsDoNotDependOnTheNumberOfThreads) {
  const auto sums = [](int threads) {
    set_worker_threads(threads);
    std::vector<double> result(37);
    parallel_over(37, [&](std::int64_t piece) {
      double& sum = result[static_cast<std::size_t>(piece)];
      for (int i = 0; i < 1000; ++i) sum += std::sin(static_cast<double>(piece * i)) / 3;
    });
    return result;
  };
  const auto alone = sums(1);
  EXPECT_EQ(sums(2), alone);
  EXPECT_EQ(sums(4), alone);
}

#ifdef __x86_64__
TEST_F(CoreWorkers, ComputeWithTheFloatingPointSettingsOfTheCaller) {
  constexpr unsigned kFlushDenormals = 0x8040;
  const unsigned before = _mm_getcsr();
  set_worker_threads(2);
  for (const bool flushed : {true, false, true}) {
    _mm_setcsr(flushed ? before | kFlushDenormals : before & ~kFlushDenormals);
    Meeting meeting(2);
    std::vector<double> halves(2, 1);
    parallel_over(2, [&](std::int64_t piece) {
      EXPECT_TRUE(meeting.wait());
      volatile double smallest = 2.2250738585072014e-308;  // that is not denormal
      halves[static_cast<std::size_t>(piece)] = smallest / 2;
    });
    _mm_setcsr(before);
    EXPECT_EQ(halves[0] > 0, !flushed);
    EXPECT_EQ(halves[1] > 0, !flushed);
  }
}
#endif

TEST_F(CoreWorkers, RejectsNumbersOfThreadsThatMakeNoSense) {
  set_worker_threads(2);
  for (const int threads : {0, -1, kMaxWorkerThreads + 1}) {
    EXPECT_THAT(message_of([&] { set_worker_threads(threads); }),
                HasSubstr("got " + std::to_string(threads)));
  }
  EXPECT_EQ(worker_threads(), 2);
}

TEST_F(CoreWorkers, APieceCannotChangeTheNumberOfThreads) {
  for (const int threads : {1, 2}) {
    set_worker_threads(threads);
    EXPECT_THROW(parallel_over(4, [](std::int64_t) { set_worker_threads(3); }), InvalidInput);
    EXPECT_EQ(worker_threads(), threads);
  }
}

}  // namespace
}  // namespace ergon
