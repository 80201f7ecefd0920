// The actor's network at one state, float32: evaluate, with the parameters in the caches, and after
// an update's worth of other memory has passed through them.
#include <benchmark/benchmark.h>

#include <vector>

#include "ergon/core/denormals.hpp"
#include "ergon/rl/mlp.hpp"
#include "ergon/rl/squashed_gaussian.hpp"

namespace ergon {
namespace {

void Act(benchmark::State& state) {
  flush_denormals();
  const std::int64_t action = state.range(1), width = state.range(2);
  const MlpShape shape{state.range(0), {width, width}, 2 * action};
  Pcg64 random(1);
  std::vector<float> parameters(static_cast<std::size_t>(shape.parameter_count()));
  initialise_parameters(shape, random, parameters.data());
  MlpSingle<float> network(shape, parameters.data());
  SquashedGaussian<float> policy;
  policy.dim = action;
  std::vector<float> observation(static_cast<std::size_t>(shape.input), 0.3F);
  std::vector<float> output(static_cast<std::size_t>(shape.output));
  std::vector<double> noise(static_cast<std::size_t>(action)), chosen(noise.size());
  std::vector<float> other(static_cast<std::size_t>(state.range(3) << 18), 1.0F);  // MiB
  for (auto _ : state) {
    if (!other.empty()) {
      state.PauseTiming();
      for (std::size_t i = 0; i < other.size(); i += 16) other[i] += 1.0F;
      state.ResumeTiming();
    }
    for (double& number : noise) number = random.normal();
    network.evaluate(observation.data(), output.data());
    policy.act(output.data(), noise.data(), chosen.data());
    benchmark::DoNotOptimize(chosen.data());
    observation[0] = static_cast<float>(chosen[0]);
  }
}

BENCHMARK(Act)
    ->ArgNames({"observation", "action", "width", "other_MiB"})
    ->Args({17, 6, 256, 0})
    ->Args({17, 6, 256, 4})
    ->Args({376, 17, 256, 0})
    ->Args({3, 1, 64, 0})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ergon
