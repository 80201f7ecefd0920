// Exact Frobenius norms of the velocity's Jacobians by form, float32, one set, one thread: medians
// of calls in µs, timed in turn.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include "ergon/stein/jacobian.hpp"
#include "stein/frobenius.hpp"
#include "support/particle_problem.hpp"
#include "support/timing.hpp"

namespace ergon::bench {
namespace {

void FrobeniusForms(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  const ParticleProblem p = particle_problem({run.range(0), run.range(1)}, c10::kFloat);
  const auto by = [&](stein::FrobeniusForm form) {
    benchmark::DoNotOptimize(stein::frobenius_squared_exact(p.support, {}, form));
  };
  Samples automatic, jacobian, gram, composed;
  for (auto _ : run) {
    automatic.take([&] { benchmark::DoNotOptimize(stein::frobenius_squared(p.support)); });
    jacobian.take([&] { by(stein::FrobeniusForm::kJacobian); });
    gram.take([&] { by(stein::FrobeniusForm::kGram); });
    composed.take([&] { by(stein::FrobeniusForm::kComposed); });
  }
  run.counters["auto_us"] = 1e6 * automatic.median();
  run.counters["jacobian_us"] = 1e6 * jacobian.median();
  run.counters["gram_us"] = 1e6 * gram.median();
  run.counters["composed_us"] = 1e6 * composed.median();
}

BENCHMARK(FrobeniusForms)
    ->ArgNames({"M", "D"})
    ->ArgsProduct({{10, 100, 256}, {6, 17, 50, 200}})
    ->Args({1024, 17})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ergon::bench
