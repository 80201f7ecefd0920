#include "start.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace ergon::app {

Runtime runtime_for(int threads) {
  const Runtime runtime = start_runtime(threads);
  if (!runtime.optimised_blas) {
    fmt::print(stderr,
               "ergon: WARNING: no optimised BLAS is behind libtorch ({}): expect a small share of "
               "this machine's speed; install libopenblas0-openmp\n",
               runtime.blas);
  }
  return runtime;
}

std::string blas_warning(const Runtime& runtime) {
  return "no optimised BLAS is behind libtorch (found: " + runtime.blas +
         "): matrix products are many times slower than they need be; install libopenblas0-openmp";
}

}  // namespace ergon::app
