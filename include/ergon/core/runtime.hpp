#pragma once

#include <string>

#include "ergon/core/denormals.hpp"

namespace ergon {

/// What libtorch runs on in this process: printed at the head of a run and kept in its result.
struct Runtime {
  int threads = 1;            ///< inside one operation, and of parallel_over
  std::string torch_version;  ///< of the headers this was compiled against, "1.13.0"
  std::string blas;           ///< the matrix-product library behind libtorch, for people
  bool optimised_blas =
      false;  ///< false: matrix products run at a small share of the machine's speed
};

/// Sets up libtorch for this process: `threads` threads inside an operation, one between
/// operations, denormal numbers flushed to zero on the calling thread (they cost over 100 times a
/// normal operation), and looks which BLAS is behind libtorch. As many threads share the passes
/// over tiles (workers.hpp), which use no libtorch: one set or the other has work, never both at
/// once. With more than one thread, run with GOMP_SPINCOUNT=2000 in the environment, or libgomp's
/// threads keep the cores for milliseconds after each operation; `ergon` sets it by itself. To be
/// called by a program before its first tensor; the library itself never changes these settings.
/// Throws InvalidInput unless 1 <= threads <= kMaxWorkerThreads.
Runtime start_runtime(int threads);

}  // namespace ergon
