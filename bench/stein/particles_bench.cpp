// The Stein operators over sets of particles, M (N in the table) × D, one thread. What is compared
// is timed in turn, one call of each an iteration; counters are medians of calls in µs, floors the
// best of theirs, measured in this same run: matrix products and exponentials (support/rates.hpp).
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "ergon/stein/jacobian.hpp"
#include "ergon/stein/velocity.hpp"
#include "stein/composed.hpp"
#include "support/particle_problem.hpp"
#include "support/rates.hpp"
#include "support/timing.hpp"

namespace ergon::bench {
namespace {

constexpr double kMicro = 1e6;
constexpr std::int64_t kComposedCount =
    1024;  // the most particles for which M × M matrices are composed

template <class Body>
void take_without_graph(Samples& samples, Body&& body) {
  const at::NoGradGuard no_grad;
  samples.take([&] { benchmark::DoNotOptimize(body()); });
}

// D >= 64: operations a second of the velocity's two products, against libtorch's product.
void ParticlesVelocityProducts(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  const auto count = run.range(0), dim = run.range(1);
  const ParticleProblem p = particle_problem({count, dim}, c10::kFloat);
  GemmRate gemm;
  Samples velocity, floor;
  for (auto _ : run) {
    velocity.take([&] { benchmark::DoNotOptimize(stein::velocity(p.support)); });
    floor.take([&] { gemm.run(); });
  }
  const double pairs = static_cast<double>(count) * static_cast<double>(count);
  const double rate = 2 * pairs * (2.0 * static_cast<double>(dim) + 1) / velocity.median();
  run.counters["velocity_us"] = kMicro * velocity.median();
  run.counters["gflops"] = 1e-9 * rate;
  run.counters["gemm_gflops"] = 1e-9 * GemmRate::kFlops / floor.best();
  run.counters["share"] = rate * floor.best() / GemmRate::kFlops;
}

// D <= 16: pairs a second, against M² exponentials by libtorch and by the passes' own.
void ParticlesVelocityExponentials(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  const auto count = run.range(0), dim = run.range(1);
  const ParticleProblem p = particle_problem({count, dim}, c10::kFloat);
  const double pairs = static_cast<double>(count) * static_cast<double>(count);
  ExpRate exp;
  LanesExpRate lanes_exp;
  Samples velocity, floor, lanes_floor;
  for (auto _ : run) {
    velocity.take([&] { benchmark::DoNotOptimize(stein::velocity(p.support)); });
    floor.take([&] {
      for (double done = 0; done < pairs; done += ExpRate::kExponentials) exp.run();
    });
    lanes_floor.take([&] {
      for (double done = 0; done < pairs; done += LanesExpRate::kExponentials) lanes_exp.run();
    });
  }
  run.counters["velocity_us"] = kMicro * velocity.median();
  run.counters["exp_floor_us"] = kMicro * floor.best();
  run.counters["lanes_exp_floor_us"] = kMicro * lanes_floor.best();
  run.counters["share"] = floor.best() / velocity.median();
  run.counters["lanes_share"] = lanes_floor.best() / velocity.median();
}

// What one shape takes: the velocity, with trace (forward), with trace and a probe's product
// (Hutchinson's Frobenius norm), forward and backward to points, score and bandwidth; forward, and
// both, composed of libtorch's operations.
struct TableRow {
  Samples velocity, forward, products, both, composed, composed_both;
};

void take_composed(TableRow& row, const ParticleProblem& p) {
  const auto sums = [&] {
    return stein::composed::velocity_and_trace(stein::composed::kernel_matrix(p.support));
  };
  take_without_graph(row.composed, sums);
  row.composed_both.take([&] {
    const auto both = sums();
    benchmark::DoNotOptimize(p.gradients({both.velocity, both.drift_trace_sum}));
  });
}

template <class Real>
void ParticlesTable(benchmark::State& run) {
  constexpr auto type = sizeof(Real) == 8 ? c10::kDouble : c10::kFloat;
  const auto count = run.range(0), dim = run.range(1);
  ParticleProblem p = particle_problem({count, dim}, type);
  p.require_gradients();
  const double floor = velocity_floor_seconds(count, dim, type);
  TableRow row;
  for (auto _ : run) {
    take_without_graph(row.velocity, [&] { return stein::velocity(p.support); });
    take_without_graph(row.forward, [&] { return stein::velocity_and_trace(p.support); });
    take_without_graph(row.products,
                       [&] { return stein::velocity_trace_and_products(p.support, p.probe); });
    row.both.take([&] {
      const auto sums = stein::velocity_and_trace(p.support);
      benchmark::DoNotOptimize(p.gradients({sums.velocity, sums.drift_trace_sum}));
    });
    if (count <= kComposedCount) take_composed(row, p);
  }
  run.counters["floor_us"] = kMicro * floor;
  run.counters["velocity_us"] = kMicro * row.velocity.median();
  run.counters["forward_us"] = kMicro * row.forward.median();
  run.counters["products_us"] = kMicro * row.products.median();
  run.counters["both_us"] = kMicro * row.both.median();
  if (count > kComposedCount) return;
  run.counters["composed_us"] = kMicro * row.composed.median();
  run.counters["composed_both_us"] = kMicro * row.composed_both.median();
}

// The RL shape: many small sets. Velocity and trace, and the exact Frobenius norm; backwards
// through velocity and trace with the norm outside the graph, and with it inside.
struct SmallSets {
  Samples forward, both, with_norm;
};

template <class Sums, class Norm>
void take_small_sets(SmallSets& taken, const ParticleProblem& p, Sums&& sums, Norm&& norm) {
  const auto norm_without_graph = [&] {
    const at::NoGradGuard no_grad;
    return norm();
  };
  take_without_graph(taken.forward, [&] {
    benchmark::DoNotOptimize(sums());
    return norm();
  });
  taken.both.take([&] {
    const auto both = sums();
    benchmark::DoNotOptimize(norm_without_graph());
    benchmark::DoNotOptimize(p.gradients({both.velocity, both.drift_trace_sum}));
  });
  taken.with_norm.take([&] {
    const auto both = sums();
    benchmark::DoNotOptimize(p.gradients({both.velocity, both.drift_trace_sum, norm()}));
  });
}

void count_small_sets(benchmark::State& run, const SmallSets& taken, const std::string& prefix) {
  run.counters[prefix + "forward_us"] = kMicro * taken.forward.median();
  run.counters[prefix + "both_us"] = kMicro * taken.both.median();
  run.counters[prefix + "both_with_norm_us"] = kMicro * taken.with_norm.median();
}

void ParticlesSmallSets(benchmark::State& run) {
  ParticleProblem p = particle_problem({run.range(0), run.range(1), run.range(2)}, c10::kFloat);
  p.require_gradients();
  SmallSets fused, composed;
  for (auto _ : run) {
    take_small_sets(
        fused, p, [&] { return stein::velocity_and_trace(p.support); },
        [&] { return stein::frobenius_squared(p.support); });
    stein::composed::KernelMatrix kernel;
    take_small_sets(
        composed, p,
        [&] {
          kernel = stein::composed::kernel_matrix(p.support);
          return stein::composed::velocity_and_trace(kernel);
        },
        [&] { return stein::frobenius_squared_of(stein::composed::velocity_jacobian(kernel)); });
  }
  count_small_sets(run, fused, "");
  count_small_sets(run, composed, "composed_");
}

// What this machine can do on one core.
void ParticlesRates(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  GemmRate gemm, gemm_double(c10::kDouble);
  ExpRate exp, exp_double(c10::kDouble);
  LanesExpRate lanes_exp;
  Samples gemm_time, gemm_double_time, exp_time, exp_double_time, lanes_exp_time;
  for (auto _ : run) {
    gemm_time.take([&] { gemm.run(); });
    gemm_double_time.take([&] { gemm_double.run(); });
    exp_time.take([&] { exp.run(); });
    exp_double_time.take([&] { exp_double.run(); });
    lanes_exp_time.take([&] { lanes_exp.run(); });
  }
  run.counters["gemm_gflops"] = 1e-9 * GemmRate::kFlops / gemm_time.best();
  run.counters["gemm_double_gflops"] = 1e-9 * GemmRate::kFlops / gemm_double_time.best();
  run.counters["exp_giga"] = 1e-9 * ExpRate::kExponentials / exp_time.best();
  run.counters["exp_double_giga"] = 1e-9 * ExpRate::kExponentials / exp_double_time.best();
  run.counters["lanes_exp_giga"] = 1e-9 * LanesExpRate::kExponentials / lanes_exp_time.best();
}

// Rounds: as many as the time allows for small shapes, a few for large ones.
enum class Size { kSmall, kLarge, kLargest };

Size size_of(int count, int dim) {
  const double numbers = 1.0 * count * count * dim;
  if (numbers > 2e10) return Size::kLargest;
  return numbers > 1e8 ? Size::kLarge : Size::kSmall;
}

void table_sizes(benchmark::internal::Benchmark* benchmark, Size size) {
  benchmark->ArgNames({"N", "D"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const int count : {10, 64, 100, 256, 512, 1024, 4096}) {
    for (const int dim : {2, 17, 50, 784, 3072}) {
      if (size_of(count, dim) == size) benchmark->Args({count, dim});
    }
  }
}
void small_sizes(benchmark::internal::Benchmark* benchmark) {
  table_sizes(benchmark, Size::kSmall);
}
void large_sizes(benchmark::internal::Benchmark* benchmark) {
  table_sizes(benchmark, Size::kLarge);
  benchmark->Iterations(7);
}
void largest_sizes(benchmark::internal::Benchmark* benchmark) {
  table_sizes(benchmark, Size::kLargest);
  benchmark->Iterations(3);
}
void double_sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"N", "D"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const int count : {10, 100, 1024}) {
    for (const int dim : {2, 17, 50, 784}) benchmark->Args({count, dim});
  }
}

BENCHMARK(ParticlesRates)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(ParticlesVelocityProducts)
    ->ArgNames({"M", "D"})
    ->ArgsProduct({{2048, 4096}, {64, 128, 784}})
    ->Iterations(11)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(ParticlesVelocityExponentials)
    ->ArgNames({"M", "D"})
    ->ArgsProduct({{2048, 4096}, {2, 4, 8, 16}})
    ->Iterations(51)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(ParticlesSmallSets)
    ->ArgNames({"sets", "M", "D"})
    ->Args({256, 10, 6})
    ->Args({256, 32, 6})
    ->Args({256, 10, 17})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(ParticlesTable, float)->Apply(small_sizes);
BENCHMARK_TEMPLATE(ParticlesTable, float)->Apply(large_sizes);
BENCHMARK_TEMPLATE(ParticlesTable, float)->Apply(largest_sizes);
BENCHMARK_TEMPLATE(ParticlesTable, double)->Apply(double_sizes);

}  // namespace
}  // namespace ergon::bench
