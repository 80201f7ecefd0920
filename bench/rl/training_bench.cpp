// What a step of the training loop costs beside its environment and its agent: both do nothing.
#include <benchmark/benchmark.h>

#include <memory>

#include "ergon/rl/training.hpp"

namespace ergon {
namespace {

class NullEnvironment : public Environment {
 public:
  NullEnvironment() : Environment(null_spec()) {}
  Image8 picture(PictureSize) const override { return {}; }

 protected:
  void begin(Pcg64&, std::vector<double>&) override {}
  Outcome advance(const double*, std::vector<double>&) override { return {}; }
  std::vector<double> numbers() const override { return {}; }
  void set_numbers(const std::vector<double>&) override {}

 private:
  /// The sizes of Walker2d.
  static EnvironmentSpec null_spec() {
    EnvironmentSpec spec;
    spec.name = "Null";
    spec.observation_dim = 17;
    spec.action_dim = 6;
    spec.action_low.assign(6, -1.0);
    spec.action_high.assign(6, 1.0);
    spec.max_episode_steps = 1000;
    return spec;
  }
};

class NullPolicy : public Policy {
 public:
  void act(const double*, ActionMode, Pcg64&, double*) override {}
};

class NullAgent : public Agent {
 public:
  std::int64_t observation_dim() const override { return 17; }
  std::int64_t action_dim() const override { return 6; }
  Policy& policy() override { return policy_; }
  std::vector<double> policy_parameters() const override { return {}; }
  std::unique_ptr<Policy> policy_from(const std::vector<double>&) const override {
    return std::make_unique<NullPolicy>();
  }
  void update(const Replay&, Pcg64&) override {}
  UpdateInfo update_info() const override {
    return {{"critic_loss", 1.0}, {"actor_loss", 1.0}, {"temperature", 1.0}};
  }
  void save(SafetensorsWriter&) const override {}
  void load(const SafetensorsFile&) override {}

 private:
  NullPolicy policy_;
};

/// Argument: environments. Time of a step of one of them.
void BM_TrainingStepWithoutWork(benchmark::State& state) {
  TrainingOptions options;
  options.steps = std::int64_t{1} << 60;
  options.random_steps = 0;
  options.replay = 100000;
  options.environments = state.range(0);
  options.evaluate_every = 0;
  Training run([] { return std::make_unique<NullEnvironment>(); }, std::make_unique<NullAgent>(),
               options, 1);
  for (auto step : state) run.step();
  state.counters["per_environment_step"] =
      benchmark::Counter(static_cast<double>(state.iterations() * options.environments),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_TrainingStepWithoutWork)->Arg(1)->Arg(4);

}  // namespace
}  // namespace ergon
