// What a step of an environment costs beyond MuJoCo's own work: the same episode, from the same
// state under the same controls, once through Environment::step and once as the bare loop of
// mj_step (and mj_rnePostConstraint where the rules observe contact forces). Both are timed in
// turns, and the counter `overhead_percent` is the median over the pairs, so that what else runs
// on the machine falls on both. The target is 2 %.
#include <benchmark/benchmark.h>
#include <mujoco/mujoco.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "env/mujoco_simulation.hpp"
#include "ergon/env/environment.hpp"

namespace ergon {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLongestEpisode = 60;

/// An environment, the bare simulation of its model, and an episode for both.
class Pair {
 public:
  explicit Pair(const std::string& name) : environment_(make_environment({name})) {
    const EnvironmentSpec& spec = environment_->spec();
    bare_ =
        std::make_unique<internal::MujocoSimulation>(internal::compiled_model(spec.model).model);
    frame_skip_ = static_cast<int>(spec.seconds_per_step / bare_->model().opt.timestep + 0.5);
    contact_forces_ = name == "Ant-v5" || name == "Humanoid-v4" || name == "Humanoid-v5";
    environment_->seed(1);
    environment_->reset();
    start_ = environment_->state();
    Pcg64 random(2);
    // A pendulum falls within ten steps under larger ones: too short an episode to be timed.
    const double share = name.find("Pendulum") == std::string::npos ? 0.5 : 0.01;
    bool over = false;
    for (int step = 0; step < kLongestEpisode && !over; ++step) {
      std::vector<double> action;
      for (std::size_t i = 0; i < spec.action_low.size(); ++i) {
        action.push_back(random.uniform(share * spec.action_low[i], share * spec.action_high[i]));
      }
      over = environment_->step(action.data()).over();
      actions_.push_back(action);
    }
  }

  double steps() const { return static_cast<double>(actions_.size()); }

  double time_environment() {
    environment_->restore(start_);
    const auto begin = Clock::now();
    double sum = 0.0;
    for (const auto& action : actions_) sum += environment_->step(action.data()).reward;
    benchmark::DoNotOptimize(sum);
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  double time_bare() {
    bare_->set_state(start_.numbers.data());
    mjData* data = bare_->scratch();
    const auto begin = Clock::now();
    for (const auto& action : actions_) {
      std::copy(action.begin(), action.end(), data->ctrl);
      for (int i = 0; i < frame_skip_; ++i) mj_step(&bare_->model(), data);
      if (contact_forces_) mj_rnePostConstraint(&bare_->model(), data);
    }
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

 private:
  std::unique_ptr<Environment> environment_;
  std::unique_ptr<internal::MujocoSimulation> bare_;
  EnvironmentState start_;
  std::vector<std::vector<double>> actions_;
  int frame_skip_ = 1;
  bool contact_forces_ = false;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void step_environment(benchmark::State& state, const std::string& name) {
  Pair pair(name);
  std::vector<double> environment, bare, ratio;
  for (auto _ : state) {
    const bool first = environment.size() % 2 == 0;
    if (first) environment.push_back(pair.time_environment());
    bare.push_back(pair.time_bare());
    if (!first) environment.push_back(pair.time_environment());
    state.SetIterationTime(environment.back());
    ratio.push_back(environment.back() / bare.back());
  }
  state.counters["steps_per_second"] = pair.steps() / median(environment);
  state.counters["bare_steps_per_second"] = pair.steps() / median(bare);
  state.counters["overhead_percent"] = 100.0 * (median(ratio) - 1.0);
}

/// One version of every environment on MuJoCo, and those whose rules observe contact forces.
const bool kRegistered = [] {
  for (const std::string& name : environment_names()) {
    const bool fourth = name.size() > 3 && name.compare(name.size() - 3, 3, "-v4") == 0;
    if (!fourth && name != "Ant-v5" && name != "Humanoid-v5") continue;
    benchmark::RegisterBenchmark(("BM_EnvironmentStep/" + name).c_str(),
                                 [name](benchmark::State& state) { step_environment(state, name); })
        ->UseManualTime()
        ->MinTime(1.0)
        ->Unit(benchmark::kMicrosecond);
  }
  return true;
}();

}  // namespace
}  // namespace ergon
