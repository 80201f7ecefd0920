#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace ergon {

/// The most threads that set_worker_threads takes.
inline constexpr int kMaxWorkerThreads = 1024;

/// Sets how many threads, the caller's among them, share the work of parallel_over: 1 until this is
/// called, and with 1 no thread exists. Waits for a parallel_over that is running; then ends the
/// threads of before and starts the new ones. Throws InvalidInput unless 1 <= threads <=
/// kMaxWorkerThreads, from within a piece of work, and when the system refuses the threads (it is 1
/// thread then).
void set_worker_threads(int threads);

/// As last set.
int worker_threads();

namespace internal {
void parallel_over(std::int64_t pieces, void (*call)(void*, std::int64_t), void* body);
}  // namespace internal

/// Calls body(piece) once for each piece 0, ..., pieces - 1 and returns when all are done; none if
/// pieces <= 0. The caller takes part, and pieces are handed out in their order, so the results do
/// not depend on the number of threads if each piece writes only what is its own. All threads
/// compute with the caller's floating-point settings (denormals, rounding; on x86-64).
///
/// When pieces throw, those not yet begun are left out and the exception of the lowest piece that
/// threw is thrown here: the same one whatever the number of threads. A call from within a piece
/// of several, and a call while another thread has the workers, runs on its caller alone. Allocates
/// nothing.
///
/// A worker without work spins for 20 µs and then sleeps: it begins half a microsecond after a call
/// that finds it spinning, some 30 to 50 µs after one that has to wake it. libtorch's OpenMP
/// threads are others: a piece must not run libtorch's operations.
template <class Body>
void parallel_over(std::int64_t pieces, Body&& body) {
  using Callee = std::remove_reference_t<Body>;
  const auto call = [](void* callee, std::int64_t piece) {
    (*static_cast<Callee*>(callee))(piece);
  };
  internal::parallel_over(
      pieces, call, const_cast<void*>(static_cast<const volatile void*>(std::addressof(body))));
}

}  // namespace ergon
