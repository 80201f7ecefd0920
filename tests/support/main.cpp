#include <gtest/gtest.h>

#include <cstdio>

#include "ergon/core/runtime.hpp"

/// Tests run on one thread with denormal numbers flushed, as the program does by default, so that
/// results are the same bits from run to run.
int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const ergon::Runtime runtime = ergon::start_runtime(1);
  std::fprintf(stderr, "libtorch %s, %s, %d thread\n", runtime.torch_version.c_str(),
               runtime.blas.c_str(), runtime.threads);
  return RUN_ALL_TESTS();
}
