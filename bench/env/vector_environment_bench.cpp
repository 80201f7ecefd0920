// Environments that step together: steps per second over their number and the threads. The floor is
// one environment alone (`Alone`), times the cores.
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <vector>

#include "ergon/core/workers.hpp"
#include "ergon/env/vector_environment.hpp"

namespace ergon {
namespace {

/// Steps after which everything starts again from the same states.
constexpr int kSteps = 50;

EnvironmentMaker maker_of(const std::string& name) {
  return [name] { return make_environment({name, 1000}); };
}

/// The same controls for each of `count` environments, step after step; small ones, under which no
/// episode ends in kSteps.
std::vector<std::vector<double>> controls_of(std::int64_t dim, std::int64_t count) {
  std::vector<std::vector<double>> controls;
  for (int step = 0; step < kSteps; ++step) {
    controls.emplace_back();
    for (std::int64_t i = 0; i < dim * count; ++i) {
      controls.back().push_back(0.1 * std::sin(0.1 * step + static_cast<double>(i % dim)));
    }
  }
  return controls;
}

void step_alone(benchmark::State& state, const std::string& name) {
  const auto environment = maker_of(name)();
  environment->seed(Pcg64::stream(0, "environment").next());
  environment->reset();
  const EnvironmentState start = environment->state();
  const auto controls = controls_of(environment->spec().action_dim, 1);
  for (auto _ : state) {
    environment->restore(start);
    for (const auto& actions : controls) environment->step(actions.data());
  }
  state.SetItemsProcessed(state.iterations() * kSteps);
}

void step_together(benchmark::State& state, const std::string& name) {
  const std::int64_t count = state.range(0);
  set_worker_threads(static_cast<int>(state.range(1)));
  VectorEnvironment environments(maker_of(name), count, 0);
  environments.reset();
  const std::vector<EnvironmentState> start = environments.states();
  const auto controls = controls_of(environments.spec().action_dim, count);
  for (auto _ : state) {
    environments.restore(start);
    for (const auto& actions : controls) environments.step(actions.data());
  }
  set_worker_threads(1);
  state.SetItemsProcessed(state.iterations() * kSteps * count);
}

const bool kRegistered = [] {
  for (const std::string name : {"Walker2d-v4", "Reacher-v4"}) {
    benchmark::RegisterBenchmark(("BM_StepAlone/" + name).c_str(), step_alone, name)
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(("BM_StepTogether/" + name).c_str(), step_together, name)
        ->ArgsProduct({{1, 8, 32}, {1, 2}})
        ->ArgNames({"environments", "threads"})
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }
  return true;
}();

}  // namespace
}  // namespace ergon
