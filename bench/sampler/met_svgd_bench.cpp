// One step of the samplers over particles N × dimension D, float32, one set, one thread. Items are
// particle-steps. Beside it the velocity's matrix products and exponentials composed of
// library calls, measured in this same run.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include "ergon/core/random.hpp"
#include "ergon/sampler/make_sampler.hpp"
#include "ergon/sampler/parameters.hpp"
#include "support/problem.hpp"

namespace ergon::bench {
namespace {

SamplerOptions options_of(SamplerKind kind) {
  SamplerOptions options = sampler_preset(kind);
  options.precision = Precision::kSingle;
  options.initial.stddev = kInitialStddev;
  options.control.truncation =
      10;  // P-SVGD: nobody is dropped, so that every step does the same work
  return options;
}

void step_benchmark(benchmark::State& run, SamplerKind kind) {
  const at::NoGradGuard no_grad;
  const auto target = standard_normal(run.range(1));
  const SamplerOptions options = options_of(kind);
  const auto sampler = make_sampler(options, starting_parameters(options, run.range(1), Seed(3)));
  const Draws draws = particles(run.range(0), run.range(1), Precision::kSingle);
  State state = sampler->init(*target, draws.particles, draws.log_q);
  for (int warm = 0; warm < kWarmSteps; ++warm)
    state = sampler->step(*target, state, Seed(4).generator()).state;
  for (auto _ : run) benchmark::DoNotOptimize(sampler->step(*target, state, Seed(5).generator()));
  run.SetItemsProcessed(run.iterations() * run.range(0));
}

void SvgdStep(benchmark::State& run) { step_benchmark(run, SamplerKind::kSvgd); }
void PSvgdStep(benchmark::State& run) { step_benchmark(run, SamplerKind::kPSvgd); }
void MetSvgdStep(benchmark::State& run) { step_benchmark(run, SamplerKind::kMetSvgd); }

// A step and its gradient with respect to q⁰, bandwidth and step size: what an iteration of a fit
// costs per step.
void MetSvgdStepAndGradient(benchmark::State& run) {
  const auto target = standard_normal(run.range(1));
  const SamplerOptions options = options_of(SamplerKind::kMetSvgd);
  NamedTensors parameters = starting_parameters(options, run.range(1), Seed(3));
  for (auto& [name, tensor] : parameters) tensor.requires_grad_();
  const auto sampler = make_sampler(options, parameters);
  const auto initial = InitialDistribution::from_parameters(parameters);
  for (auto _ : run) {
    const Draws draws = initial.sample_sets(1, run.range(0), Seed(4).generator());
    State state = sampler->init(*target, draws.particles, draws.log_q);
    state = sampler->step(*target, state, Seed(5).generator()).state;
    (state.log_q - state.log_density).mean().backward();
  }
  run.SetItemsProcessed(run.iterations() * run.range(0));
}

// The floor of a velocity composed of library calls: X Xᵀ, K [S, X, c] and N² exponentials.
void VelocityFloor(benchmark::State& run) {
  const at::NoGradGuard no_grad;
  const auto count = run.range(0), dim = run.range(1);
  Generator generator = Seed(6).generator();
  const Tensor x = draw::normal_like(at::empty({count, dim}, at::kFloat), generator);
  const Tensor right = draw::normal_like(at::empty({count, 2 * dim + 1}, at::kFloat), generator);
  Tensor kernel = at::empty({count, count}, at::kFloat),
         sums = at::empty({count, 2 * dim + 1}, at::kFloat);
  for (auto _ : run) {
    at::mm_out(kernel, x, x.t());
    kernel.clamp_max_(0).exp_();
    at::mm_out(sums, kernel, right);
    benchmark::DoNotOptimize(sums);
  }
  run.SetItemsProcessed(run.iterations() * count);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"N", "D"})->Unit(benchmark::kMicrosecond);
  for (const int count : {10, 100, 256, 1024}) {
    for (const int dim : {2, 17, 50}) benchmark->Args({count, dim});
  }
}

BENCHMARK(VelocityFloor)->Apply(sizes);
BENCHMARK(SvgdStep)->Apply(sizes);
BENCHMARK(PSvgdStep)->Apply(sizes);
BENCHMARK(MetSvgdStep)->Apply(sizes);
BENCHMARK(MetSvgdStepAndGradient)->Apply(sizes);

}  // namespace
}  // namespace ergon::bench
