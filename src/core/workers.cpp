#include "ergon/core/workers.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace ergon {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kWorkerSpin = std::chrono::microseconds(20);
constexpr int kCallerSpins = 5;  // times as long: the others are about to finish

// The state of a job in one word: how many workers are in it, whether more may come, whether the
// caller sleeps until the last has left, and its number.
constexpr std::uint64_t kOneInside = 1;
constexpr std::uint64_t kInside = 0xFFFF;
constexpr std::uint64_t kOpen = 1 << 16;
constexpr std::uint64_t kCallerSleeps = 1 << 17;
constexpr std::uint64_t kOneJob = 1 << 18;

std::uint64_t job_number(std::uint64_t state) { return state / kOneJob; }

void pause() {
#ifdef __x86_64__
  _mm_pause();
#endif
}

#ifdef __x86_64__
constexpr unsigned kFloatControls = 0xFFC0;  // all of MXCSR but the flags of what happened
unsigned float_controls() { return _mm_getcsr() & kFloatControls; }
void set_float_controls(unsigned controls) { _mm_setcsr(controls); }
#else
unsigned float_controls() { return 0; }
void set_float_controls(unsigned) {}
#endif

template <class Condition>
bool spin_until(Clock::duration limit, Condition holds) {
  if (holds()) return true;
  if (limit == Clock::duration::zero()) return false;
  const auto end = Clock::now() + limit;
  do {
    for (int i = 0; i < 16; ++i) {
      if (holds()) return true;
      pause();
    }
  } while (Clock::now() < end);
  return false;
}

thread_local bool inside_piece = false;

/// Marks the calling thread as at work on a piece.
class PieceGuard {
 public:
  PieceGuard() : before_(std::exchange(inside_piece, true)) {}
  ~PieceGuard() { inside_piece = before_; }
  PieceGuard(const PieceGuard&) = delete;
  PieceGuard& operator=(const PieceGuard&) = delete;

 private:
  bool before_;
};

class Workers {
 public:
  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void resize(int threads) {
    const std::lock_guard<std::mutex> one_at_a_time(resizing_);
    if (threads == threads_.load()) return;
    while (claimed_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
    end_all();
    const std::string refused = start(threads - 1);
    if (!refused.empty()) end_all();
    threads_ = refused.empty() ? threads : 1;
    claimed_.store(false, std::memory_order_release);
    require(refused.empty(), "the system refused {} threads ({}); take fewer threads", threads,
            refused);
  }

  /// False, and nothing done, if a job is running.
  bool run(std::int64_t pieces, void (*call)(void*, std::int64_t), void* body) {
    if (claimed_.exchange(true, std::memory_order_acquire)) return false;
    pieces_ = pieces;
    call_ = call;
    body_ = body;
    controls_ = float_controls();
    next_.store(0, std::memory_order_relaxed);
    state_.fetch_add(kOneJob | kOpen);
    wake(pieces - 1);
    take_pieces();
    wait_for_the_others();
    const std::exception_ptr error = std::exchange(error_, nullptr);
    claimed_.store(false, std::memory_order_release);
    if (error) std::rethrow_exception(error);
    return true;
  }

 private:
  void take_pieces() {
    const PieceGuard guard;
    while (true) {
      const std::int64_t piece = next_.fetch_add(1, std::memory_order_relaxed);
      if (piece >= pieces_) return;
      try {
        call_(body_, piece);
      } catch (...) {
        keep_error(piece);
      }
    }
  }

  /// Pieces are begun in their order, so the lowest that throws is begun whoever throws first.
  void keep_error(std::int64_t piece) {
    next_.store(pieces_, std::memory_order_relaxed);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (error_ && failed_piece_ < piece) return;
    error_ = std::current_exception();
    failed_piece_ = piece;
  }

  /// A worker that sleeps through a job does no harm: the caller takes all pieces that others do
  /// not.
  void wake(std::int64_t wanted) {
    if (sleeping_.load() == 0) return;
    { const std::lock_guard<std::mutex> lock(mutex_); }
    if (wanted >= threads() - 1) {
      work_.notify_all();
    } else {
      for (std::int64_t i = 0; i < wanted; ++i) work_.notify_one();
    }
  }

  void wait_for_the_others() {
    state_.fetch_and(~kOpen, std::memory_order_acq_rel);
    const auto alone = [this] { return (state_.load(std::memory_order_acquire) & kInside) == 0; };
    if (spin_until(kCallerSpins * spin_, alone)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    state_.fetch_or(kCallerSleeps, std::memory_order_acq_rel);
    done_.wait(lock, alone);
    state_.fetch_and(~kCallerSleeps, std::memory_order_acq_rel);
  }

  /// Into the job of this state, which may become a later one, unless it is closed.
  bool enter(std::uint64_t& state) {
    while ((state & kOpen) != 0) {
      if (state_.compare_exchange_weak(state, state + kOneInside, std::memory_order_acq_rel))
        return true;
    }
    return false;
  }

  void leave() {
    const std::uint64_t before = state_.fetch_sub(kOneInside, std::memory_order_acq_rel);
    if ((before & kCallerSleeps) == 0 || (before & kInside) != kOneInside) return;
    { const std::lock_guard<std::mutex> lock(mutex_); }
    done_.notify_one();
  }

  bool sleep_until_new(std::uint64_t seen) {
    std::unique_lock<std::mutex> lock(mutex_);
    sleeping_.fetch_add(1);
    work_.wait(lock, [&] { return ending_ || job_number(state_.load()) != seen; });
    sleeping_.fetch_sub(1);
    return !ending_;
  }

  void work(std::uint64_t seen) {
    while (true) {
      const bool is_new = spin_until(
          spin_, [&] { return job_number(state_.load(std::memory_order_relaxed)) != seen; });
      if (!is_new && !sleep_until_new(seen)) return;
      std::uint64_t state = state_.load(std::memory_order_relaxed);
      const bool entered = enter(state);
      seen = job_number(state);
      if (!entered) continue;
      set_float_controls(controls_);
      take_pieces();
      leave();
    }
  }

  /// Why not all were started; empty: they were.
  std::string start(int workers) {
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    spin_ = workers < cores ? Clock::duration(kWorkerSpin) : Clock::duration::zero();
    ending_ = false;
    const std::uint64_t seen = job_number(state_.load());
    try {
      for (int i = 0; i < workers; ++i) workers_.emplace_back(&Workers::work, this, seen);
    } catch (const std::system_error& error) {
      return error.what();
    }
    return "";
  }

  void end_all() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    work_.notify_all();
    for (auto& worker : workers_) worker.join();
    workers_.clear();
  }

  std::atomic<int> threads_{1};
  std::mutex resizing_;
  std::atomic<bool> claimed_{false};  // by a job or a resize
  std::vector<std::thread> workers_;
  Clock::duration spin_{0};

  // The job: written by its caller while no worker is inside.
  std::int64_t pieces_ = 0;
  void (*call_)(void*, std::int64_t) = nullptr;
  void* body_ = nullptr;
  unsigned controls_ = 0;
  alignas(64) std::atomic<std::int64_t> next_{0};
  alignas(64) std::atomic<std::uint64_t> state_{0};

  alignas(64) std::mutex mutex_;  // of what follows
  std::condition_variable work_;
  std::condition_variable done_;
  std::atomic<int> sleeping_{0};
  bool ending_ = false;
  std::exception_ptr error_;
  std::int64_t failed_piece_ = 0;
};

/// Never destroyed: at the end of the process the workers sleep, and a forked child that exits has
/// none to wait for.
Workers& workers() {
  static Workers& all = *new Workers;
  return all;
}

}  // namespace

void set_worker_threads(int threads) {
  require(threads >= 1 && threads <= kMaxWorkerThreads, "threads must be from 1 to {}, got {}",
          kMaxWorkerThreads, threads);
  require(!inside_piece,
          "set_worker_threads was called by a piece of parallel_over; call it before the work");
  workers().resize(threads);
}

int worker_threads() { return workers().threads(); }

namespace internal {

void parallel_over(std::int64_t pieces, void (*call)(void*, std::int64_t), void* body) {
  if (pieces > 1 && worker_threads() > 1 && workers().run(pieces, call, body)) return;
  const PieceGuard guard;
  for (std::int64_t piece = 0; piece < pieces; ++piece) call(body, piece);
}

}  // namespace internal
}  // namespace ergon
