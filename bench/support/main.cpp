#include <benchmark/benchmark.h>

#include "ergon/core/runtime.hpp"

// One libtorch thread, as a run of the program; the BLAS goes into the output's context.
int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const ergon::Runtime runtime = ergon::start_runtime(1);
  benchmark::AddCustomContext("libtorch", runtime.torch_version);
  benchmark::AddCustomContext("blas", runtime.blas);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
