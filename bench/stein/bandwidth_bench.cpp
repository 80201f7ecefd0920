// The median bandwidth, float32, one set, one thread: by selection on the chosen pairs, and beside
// it libtorch's median of all M² squared distances. Medians of calls in µs, timed in turn.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include "ergon/stein/bandwidth.hpp"
#include "stein/composed.hpp"
#include "support/particle_problem.hpp"
#include "support/timing.hpp"

namespace ergon::bench {
namespace {

void MedianBandwidth(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  const Tensor points = particle_problem({run.range(0), run.range(1)}, c10::kFloat).support.points;
  Samples selection, composed;
  for (auto _ : run) {
    selection.take([&] { benchmark::DoNotOptimize(stein::median_bandwidth(points)); });
    composed.take(
        [&] { benchmark::DoNotOptimize(stein::composed::squared_distances(points).median()); });
  }
  run.counters["selection_us"] = 1e6 * selection.median();
  run.counters["composed_us"] = 1e6 * composed.median();
}

BENCHMARK(MedianBandwidth)
    ->ArgNames({"M", "D"})
    ->ArgsProduct({{10, 100, 512, 1024, 4096}, {2, 50}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ergon::bench
