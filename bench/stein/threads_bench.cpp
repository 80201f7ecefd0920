// The passes on one and on more worker threads, float32: best of many calls, timed in rounds. Not
// to be pinned to one core.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include "ergon/core/workers.hpp"
#include "ergon/stein/jacobian.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/particle_problem.hpp"
#include "support/timing.hpp"

namespace ergon::bench {
namespace {

// One thread, then `threads`.
template <class Body>
void compare_threads(benchmark::State& run, int threads, Body&& body) {
  const at::NoGradGuard no_grad;
  Samples one, more;
  const auto take = [&](Samples& samples, int workers) {
    set_worker_threads(workers);
    samples.take(body);
  };
  for (auto _ : run) {
    take(one, 1);
    take(more, threads);
  }
  set_worker_threads(1);
  run.counters["one_us"] = 1e6 * one.best();
  run.counters["more_us"] = 1e6 * more.best();
  run.counters["speedup"] = one.best() / more.best();
}

void ThreadsVelocity(benchmark::State& run) {
  const ParticleProblem p = particle_problem({run.range(1), run.range(2)}, c10::kFloat);
  compare_threads(run, static_cast<int>(run.range(0)),
                  [&] { benchmark::DoNotOptimize(stein::velocity(p.support)); });
}

void ThreadsVelocityOfSets(benchmark::State& run) {
  const ParticleProblem p =
      particle_problem({run.range(1), run.range(2), run.range(3)}, c10::kFloat);
  compare_threads(run, static_cast<int>(run.range(0)),
                  [&] { benchmark::DoNotOptimize(stein::velocity(p.support)); });
}

void ThreadsSmallSets(benchmark::State& run) {
  const ParticleProblem p =
      particle_problem({run.range(1), run.range(2), run.range(3)}, c10::kFloat);
  compare_threads(run, static_cast<int>(run.range(0)), [&] {
    benchmark::DoNotOptimize(stein::velocity_and_trace(p.support));
    benchmark::DoNotOptimize(stein::frobenius_squared(p.support));
  });
}

BENCHMARK(ThreadsVelocity)
    ->ArgNames({"threads", "M", "D"})
    ->Args({2, 4096, 50})
    ->Iterations(5)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(ThreadsVelocityOfSets)
    ->ArgNames({"threads", "sets", "M", "D"})
    ->Args({2, 256, 64, 17})
    ->Iterations(50)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(ThreadsSmallSets)
    ->ArgNames({"threads", "sets", "M", "D"})
    ->Args({2, 256, 10, 6})
    ->Iterations(200)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ergon::bench
