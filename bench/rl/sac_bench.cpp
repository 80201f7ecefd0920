// Whole updates of soft actor-critic, float32, one thread: draws from a replay of 100,000
// transitions, noise, critics, actor, temperature, Adam, targets. In turn with them the floor, the
// same matrix products as plain calls of BLAS. Counters, of the medians of this thread's processor
// time: updates_per_s, gflop_per_s (the floor's operations over the update's time), floor_per_s and
// share, the floor over the time. What the benchmark itself prints is the time of a round of both.
#include <benchmark/benchmark.h>

#include <vector>

#include "ergon/core/denormals.hpp"
#include "ergon/rl/sac.hpp"
#include "processor_time.hpp"
#include "sac_floor.hpp"

namespace ergon::bench {
namespace {

constexpr std::int64_t kTransitions = 100000;

struct Sizes {
  std::int64_t observations, actions, width, batch;
};

Replay random_replay(const Sizes& sizes) {
  Replay replay(kTransitions, sizes.observations, sizes.actions);
  Pcg64 random(1);
  std::vector<double> numbers(static_cast<std::size_t>(2 * sizes.observations + sizes.actions));
  for (std::int64_t i = 0; i < kTransitions; ++i) {
    for (double& number : numbers) number = random.uniform(-1, 1);
    replay.add(numbers.data(), numbers.data() + 2 * sizes.observations, random.normal(),
               i % 100 == 0, numbers.data() + sizes.observations);
  }
  return replay;
}

void SacUpdate(benchmark::State& state) {
  flush_denormals();
  const Sizes sizes{state.range(0), state.range(1), state.range(2), state.range(3)};
  SacOptions options;
  options.actor_hidden = options.critic_hidden = {sizes.width, sizes.width};
  options.batch = sizes.batch;
  Sac<float> agent(sizes.observations, sizes.actions, options, 1);
  const Replay replay = random_replay(sizes);
  Pcg64 random(2);
  SacFloor floor(agent.actor_shape(), agent.critic_shape(), sizes.batch);
  std::vector<double> updates, floors;
  double flops = 0;
  for (auto _ : state) {
    updates.push_back(processor_seconds([&] { agent.update(replay, random); }));
    floors.push_back(processor_seconds([&] { flops = floor.run(); }));
  }
  const double time = median(updates), least = median(floors);
  state.counters["updates_per_s"] = 1 / time;
  state.counters["gflop_per_s"] = flops / time / 1e9;
  state.counters["floor_per_s"] = 1 / least;
  state.counters["share"] = least / time;
}

BENCHMARK(SacUpdate)
    ->ArgNames({"observations", "actions", "width", "batch"})
    ->Args({17, 6, 256, 256})
    ->Args({17, 6, 256, 100})
    ->Args({3, 1, 64, 100})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ergon::bench
