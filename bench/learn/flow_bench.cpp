// The Stein flow as a whole, float64, one thread, target N(0, I) in closed form: a fresh draw with
// its log-density, and an iteration of the fit (forwards and backwards through support and draws,
// Adam's step included). `share` is the floor of all steps (support/pair_floor.hpp) over the time.
#include <benchmark/benchmark.h>

#include "ergon/learn/flow_estimates.hpp"
#include "ergon/learn/reverse_kl.hpp"
#include "ergon/sampler/parameters.hpp"
#include "support/pair_floor.hpp"
#include "support/problem.hpp"

namespace ergon::bench {
namespace {

SamplerOptions flow_options(std::int64_t steps) {
  SamplerOptions options = sampler_preset(SamplerKind::kSteinFlow);
  options.initial.stddev = kInitialStddev;
  options.steps.steps = steps;
  return options;
}

void FlowDraw(benchmark::State& run) {
  const std::int64_t draws = run.range(0), steps = run.range(1), dim = run.range(2);
  const auto target = standard_normal(dim);
  const SamplerOptions options = flow_options(steps);
  ergon::Run recorded(*target, options, starting_parameters(options, dim, Seed(1)), Seed(2),
                      {0.95});
  while (recorded.status() == RunStatus::kRunning) recorded.step();
  const SteinFlow flow = std::move(flows_of(recorded, {}).front());
  Generator generator = Seed(3).generator();
  for (auto _ : run) benchmark::DoNotOptimize(flow.sample_with_log_prob(draws, generator).log_q);
  const double floor = pair_floor_seconds({draws, options.particles, dim}, false);
  count_draws(run, draws, static_cast<double>(steps) * floor);
}

void FlowFitIteration(benchmark::State& run) {
  const std::int64_t draws = run.range(0), steps = run.range(1), dim = run.range(2);
  const auto target = standard_normal(dim);
  const SamplerOptions options = flow_options(steps);
  FitOptions fit_options;
  fit_options.iterations = 1000000;
  fit_options.evaluate_every = 1000000;
  fit_options.draws = draws;
  ReverseKlFit fit(*target, options, fit_options, starting_parameters(options, dim, Seed(1)),
                   {Seed(2), Seed(3)});
  for (auto _ : run) fit.step();
  const double floor = pair_floor_seconds({draws, options.particles, dim}, true);
  count_draws(run, draws, static_cast<double>(steps) * floor);
}

void sizes(benchmark::internal::Benchmark* benchmark, std::int64_t draws) {
  benchmark->ArgNames({"n", "L", "D"})->Unit(benchmark::kMillisecond);
  for (const std::int64_t dim : {2, 10, 20, 50}) benchmark->Args({draws, 20, dim});
}

BENCHMARK(FlowDraw)->Apply([](auto* benchmark) { sizes(benchmark, 4096); });
BENCHMARK(FlowFitIteration)->Apply([](auto* benchmark) { sizes(benchmark, 256); });

}  // namespace
}  // namespace ergon::bench
