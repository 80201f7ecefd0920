// One large set, float32: the seconds of a velocity, its floor, and how far the memory of the
// process grows, inputs and result included.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <fstream>
#include <string>

#include "ergon/core/random.hpp"
#include "ergon/stein/bandwidth.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/rates.hpp"
#include "support/timing.hpp"

namespace ergon::bench {
namespace {

// A line of /proc/self/status, "VmRSS:" or "VmHWM:" (Linux), in MB.
double memory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  double kilobytes = 0;
  while (status >> word) {
    if (word == name) status >> kilobytes;
  }
  return kilobytes / 1000;
}

// From here on the peak is what it is now, without the freed memory that the process keeps.
void clear_peak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;
}

void LargeSetVelocity(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  const auto count = run.range(0), dim = run.range(1);
  Samples velocity;
  double growth = 0;
  for (auto _ : run) {
    clear_peak();
    const double before = memory("VmRSS:");
    stein::Support particles;
    Generator generator = Seed(1).generator();
    particles.points = draw::normal_like(at::empty({count, dim}, c10::kFloat), generator);
    particles.score = -particles.points;
    particles.bandwidth = stein::median_bandwidth(particles.points);
    velocity.take_once([&] { benchmark::DoNotOptimize(stein::velocity(particles)); });
    growth = memory("VmHWM:") - before;
  }
  const double floor = velocity_floor_seconds(count, dim, c10::kFloat);
  run.counters["seconds"] = velocity.median();
  run.counters["floor_seconds"] = floor;
  run.counters["share"] = floor / velocity.median();
  run.counters["memory_growth_mb"] = growth;
  run.counters["peak_memory_mb"] = memory("VmHWM:");
}

BENCHMARK(LargeSetVelocity)
    ->ArgNames({"M", "D"})
    ->Args({100000, 50})
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ergon::bench
