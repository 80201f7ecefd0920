// The passes of one SAC update without replay and losses: critics' targets, critics, actor, Adam's
// steps, targets' averages; float32, one thread. In turn with them the floor: the same matrix
// products as plain calls of BLAS. updates_per_s and floor_per_s are of the medians of this
// thread's processor time, share is their ratio; the time that the benchmark itself prints is that
// of a round of both.
#include <benchmark/benchmark.h>

#include <vector>

#include "ergon/core/denormals.hpp"
#include "ergon/rl/adam.hpp"
#include "ergon/rl/mlp.hpp"
#include "ergon/rl/squashed_gaussian.hpp"
#include "processor_time.hpp"
#include "sac_floor.hpp"

namespace ergon::bench {
namespace {

struct Sizes {
  std::int64_t observation, action, width, batch;
};

std::vector<float> uniform_numbers(std::int64_t count, std::uint64_t seed) {
  Pcg64 random(seed);
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& number : numbers) number = static_cast<float>(random.uniform(-1, 1));
  return numbers;
}

class Passes {
 public:
  explicit Passes(Sizes sizes)
      : s_(sizes),
        actor_(actor_shape(), s_.batch),
        critics_(critic_shape(), s_.batch, 2),
        targets_(critic_shape(), s_.batch, 2),
        actor_adam_(actor_.shape().parameter_count(), {}),
        critics_adam_(2 * critic_shape().parameter_count(), {}),
        pairs_(uniform_numbers(s_.batch * (s_.observation + s_.action), 1)),
        noise_(uniform_numbers(s_.batch * s_.action, 2)),
        q_gradients_(uniform_numbers(2 * s_.batch, 3)),
        log_probs_(static_cast<std::size_t>(s_.batch), 0.001F),
        action_gradients_(noise_.size()),
        actor_gradients_(2 * noise_.size()) {
    Pcg64 random(4);
    initialise_parameters(actor_.shape(), random, actor_.parameters().data());
    for (int member = 0; member < 2; ++member)
      initialise_parameters(
          critic_shape(), random,
          critics_.parameters().data() + member * critic_shape().parameter_count());
    targets_.parameters() = critics_.parameters();
    policy_.dim = s_.action;
  }

  void run() {
    const std::int64_t stride = s_.observation + s_.action;
    float* actions = pairs_.data() + s_.observation;
    actor_.forward(pairs_.data(), stride, s_.batch);
    policy_.sample(actor_.output(0), noise_.data(), s_.batch, actions, stride, log_probs_.data());
    targets_.forward(pairs_.data(), stride, s_.batch);
    critics_.forward(pairs_.data(), stride, s_.batch);
    critics_.backward(q_gradients_.data());
    critics_adam_.step(critics_.gradients().data(), critics_.parameters().data());
    actor_.forward(pairs_.data(), stride, s_.batch);
    policy_.sample(actor_.output(0), noise_.data(), s_.batch, actions, stride, log_probs_.data());
    critics_.forward(pairs_.data(), stride, s_.batch);
    critics_.backward_input(q_gradients_.data(), s_.observation, stride, action_gradients_.data());
    policy_.pull_back(actor_.output(0), noise_.data(), s_.batch, log_probs_.data(),
                      action_gradients_.data(), actor_gradients_.data());
    actor_.backward(actor_gradients_.data());
    actor_adam_.step(actor_.gradients().data(), actor_.parameters().data());
    move_towards(critics_.parameters().data(), 0.005,
                 static_cast<std::int64_t>(critics_.parameters().size()),
                 targets_.parameters().data());
  }

  MlpShape actor_shape() const {
    return {s_.observation, {s_.width, s_.width}, 2 * s_.action, MlpActivation::kRelu};
  }
  MlpShape critic_shape() const {
    return {s_.observation + s_.action, {s_.width, s_.width}, 1, MlpActivation::kRelu};
  }

 private:
  Sizes s_;
  Mlp<float> actor_, critics_, targets_;
  Adam<float> actor_adam_, critics_adam_;
  SquashedGaussian<float> policy_;
  std::vector<float> pairs_, noise_, q_gradients_, log_probs_, action_gradients_, actor_gradients_;
};

void SacPasses(benchmark::State& state) {
  flush_denormals();
  const Sizes sizes{state.range(0), state.range(1), state.range(2), state.range(3)};
  Passes passes(sizes);
  SacFloor floor(passes.actor_shape(), passes.critic_shape(), sizes.batch);
  double flops = 0;
  std::vector<double> of_passes, of_floor;
  for (auto _ : state) {
    of_passes.push_back(processor_seconds([&] { passes.run(); }));
    of_floor.push_back(processor_seconds([&] { flops = floor.run(); }));
  }
  const double time = median(of_passes), least = median(of_floor);
  state.counters["updates_per_s"] = 1 / time;
  state.counters["floor_per_s"] = 1 / least;
  state.counters["share"] = least / time;
  state.counters["floor_gflop_per_s"] = flops / least / 1e9;
}

BENCHMARK(SacPasses)
    ->ArgNames({"observation", "action", "width", "batch"})
    ->Args({17, 6, 256, 256})
    ->Args({17, 6, 256, 100})
    ->Args({3, 1, 64, 100})
    ->Args({111, 8, 256, 256})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ergon::bench
