#include "ergon/core/runtime.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <torch/version.h>

#include <cmath>
#include <thread>

#include "ergon/core/errors.hpp"
#include "ergon/core/workers.hpp"

namespace ergon {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A denormal double, made from a normal one at run time so that the compiler cannot fold it.
double half_of_smallest() {
  volatile double smallest = 2.2250738585072014e-308;
  return smallest / 2;
}

TEST(CoreRuntime, SetsTheThreadsOfThisProcess) {
  EXPECT_EQ(start_runtime(2).threads, 2);
  EXPECT_EQ(at::get_num_threads(), 2);
  EXPECT_EQ(worker_threads(), 2);
  EXPECT_EQ(start_runtime(1).threads, 1);
  EXPECT_EQ(at::get_num_threads(), 1);
  EXPECT_EQ(worker_threads(), 1);
  EXPECT_EQ(at::get_num_interop_threads(), 1);
}

TEST(CoreRuntime, RejectsFewerThanOneThread) {
  EXPECT_THROW(start_runtime(0), InvalidInput);
  EXPECT_THROW(start_runtime(-1), InvalidInput);
}

TEST(CoreRuntime, FlushesDenormalsOnTheCallingThreadAndOnWorkersThatAsk) {
  start_runtime(1);
  EXPECT_EQ(half_of_smallest(), 0);
  bool kept_before = false;
  bool kept_after = true;
  std::thread([&] {
    at::globalContext().setFlushDenormal(false);  // a new thread starts as its maker is set
    kept_before = half_of_smallest() > 0;
    flush_denormals();
    kept_after = half_of_smallest() > 0;
  }).join();
  EXPECT_TRUE(kept_before);
  EXPECT_FALSE(kept_after);
}

TEST(CoreRuntime, NamesTheVersionAndTheBlasItFound) {
  const Runtime runtime = start_runtime(1);
  EXPECT_THAT(runtime.torch_version, StartsWith(std::to_string(TORCH_VERSION_MAJOR) + "."));
  EXPECT_FALSE(runtime.blas.empty());
}

TEST(CoreRuntime, CallsABlasOptimisedOnlyWhenItIsOpenMpOrMkl) {
  const Runtime runtime = start_runtime(1);
  if (runtime.optimised_blas) {
    EXPECT_TRUE(runtime.blas == "MKL" || runtime.blas.find("(OpenMP)") != std::string::npos)
        << runtime.blas;
  } else {
    EXPECT_THAT(runtime.blas, ::testing::AnyOf(HasSubstr("not optimised"), HasSubstr("serial"),
                                               HasSubstr("slow")));
  }
}

}  // namespace
}  // namespace ergon
