// The Stein step with a fixed support, float64, one set of |B| support points and n points, one
// thread. Counters, measured in this same run: `floor_us`, the matrix products and exponentials
// that a composition of library calls cannot do without (n·|B| exponentials; one n × |B| by
// |B| × (D² + 2D + 1) product; for gradients two more n·|B|·D² products), and `share`, the floor
// over the time. A fused pass may beat that floor where exponentials or small products dominate.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/stein/fixed_support.hpp"
#include "support/pair_floor.hpp"

namespace ergon::bench {
namespace {

struct Problem {
  stein::Support support;
  Tensor step;
  Tensor x;
};

Problem problem_of(const benchmark::State& run) {
  const auto rows = run.range(0), count = run.range(1), dim = run.range(2);
  Generator generator = Seed(1).generator();
  const auto normal = [&](std::int64_t n) {
    return draw::normal_like(at::empty({n, dim}, at::kDouble), generator);
  };
  Problem p;
  p.support.points = 2 * normal(count);
  p.support.score = normal(count);
  p.support.bandwidth = at::full({}, 1.0 + 0.5 * static_cast<double>(dim) / 10, at::kDouble);
  p.x = 2 * normal(rows);
  p.step = 0.9 / stein::lipschitz_bound(p.support);
  return p;
}

double floor_seconds(const benchmark::State& run, bool gradient) {
  return pair_floor_seconds({run.range(0), run.range(1), run.range(2)}, gradient);
}

void count(benchmark::State& run, double floor) { count_draws(run, run.range(0), floor); }

void FixedSupportPush(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  const Problem p = problem_of(run);
  const double floor = floor_seconds(run, false);
  for (auto _ : run) benchmark::DoNotOptimize(stein::push_forward(p.support, p.step, p.x).log_det);
  count(run, floor);
}

// Forwards and backwards to all five inputs.
void FixedSupportPushAndGradient(benchmark::State& run) {
  Problem p = problem_of(run);
  const double floor = floor_seconds(run, true);
  std::vector<Tensor> inputs = {p.x, p.support.points, p.support.score, p.support.bandwidth,
                                p.step};
  for (Tensor& input : inputs) input.requires_grad_();
  for (auto _ : run) {
    const auto pushed = stein::push_forward(p.support, p.step, p.x);
    const Tensor value = pushed.points.sum() + pushed.log_det.sum();
    benchmark::DoNotOptimize(torch::autograd::grad({value}, inputs));
  }
  count(run, floor);
}

void FixedSupportInvert(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  const Problem p = problem_of(run);
  const Tensor y = stein::push_forward_points(p.support, p.step, p.x);
  for (auto _ : run) benchmark::DoNotOptimize(stein::invert(p.support, p.step, y).points);
  count(run, floor_seconds(run, false));
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"n", "B", "D"})->Unit(benchmark::kMicrosecond);
  benchmark->Args({4096, 200, 2});
  for (const int dim : {2, 10, 20, 50}) benchmark->Args({256, 100, dim});
  benchmark->Args({256, 20, 50});
}

BENCHMARK(FixedSupportPush)->Apply(sizes);
BENCHMARK(FixedSupportPushAndGradient)->Apply(sizes);
BENCHMARK(FixedSupportInvert)->Apply(sizes);

}  // namespace
}  // namespace ergon::bench
