// A minibatch of 256 transitions of Walker2d (17 observed numbers, 6 actions: 168 bytes a row) from
// a full replay: 1000 rows lie in the caches, 1,000,000 (168 MB) do not.
#include <benchmark/benchmark.h>

#include <vector>

#include "ergon/rl/replay.hpp"

namespace ergon::bench {
namespace {

constexpr std::int64_t kObservation = 17, kAction = 6, kRows = 256;

Replay full_replay(std::int64_t capacity) {
  Replay replay(capacity, kObservation, kAction);
  const std::vector<double> numbers(kObservation, 0.5);
  for (std::int64_t i = 0; i < capacity; ++i) {
    replay.add(numbers.data(), numbers.data(), 1.0, false, numbers.data());
  }
  return replay;
}

template <class Real>
void ReplaySample(benchmark::State& run) {
  const Replay replay = full_replay(run.range(0));
  Pcg64 random(1);
  Batch<Real> batch;
  for (auto _ : run) {
    replay.sample(kRows, random, batch);
    benchmark::DoNotOptimize(batch.input.data());
  }
  run.SetItemsProcessed(run.iterations() * kRows);
}
BENCHMARK_TEMPLATE(ReplaySample, float)->Arg(1000)->Arg(1000000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(ReplaySample, double)->Arg(1000)->Arg(1000000)->Unit(benchmark::kMicrosecond);

void ReplayAdd(benchmark::State& run) {
  Replay replay = full_replay(run.range(0));
  const std::vector<double> numbers(kObservation, 0.5);
  for (auto _ : run) replay.add(numbers.data(), numbers.data(), 1.0, false, numbers.data());
  run.SetItemsProcessed(run.iterations());
}
BENCHMARK(ReplayAdd)->Arg(1000000);

}  // namespace
}  // namespace ergon::bench
