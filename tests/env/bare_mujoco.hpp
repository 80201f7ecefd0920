#pragma once

#include <mujoco/mujoco.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/mujoco_simulation.hpp"
#include "ergon/env/environment.hpp"

namespace ergon::testing {

/// Where the physics lies in EnvironmentState::numbers of an environment on MuJoCo: time, qpos,
/// qvel, act, warm start, then what the reward looks back to.
class Numbers {
 public:
  explicit Numbers(const Environment& environment)
      : model_(internal::compiled_model(environment.spec().model).model) {}

  const mjModel& model() const { return *model_; }
  double* positions(EnvironmentState& state) const { return state.numbers.data() + 1; }
  double* velocities(EnvironmentState& state) const { return positions(state) + model_->nq; }
  double* memory(EnvironmentState& state) const {
    return velocities(state) + 2 * model_->nv + model_->na;
  }

 private:
  std::shared_ptr<const mjModel> model_;
};

/// The state of an episode under way at the model's own start, without noise.
inline EnvironmentState quiet_start(const std::string& name) {
  EnvironmentState state = make_environment({name})->state();
  state.over = false;
  return state;
}

/// Actions of a whole number of steps, uniform over the environment's range.
inline std::vector<std::vector<double>> random_actions(const EnvironmentSpec& spec, int steps) {
  Pcg64 random(11);
  std::vector<std::vector<double>> actions;
  for (int step = 0; step < steps; ++step) {
    std::vector<double> action;
    for (std::size_t i = 0; i < spec.action_low.size(); ++i) {
      action.push_back(random.uniform(spec.action_low[i], spec.action_high[i]));
    }
    actions.push_back(action);
  }
  return actions;
}

inline bool on_mujoco(const std::string& name) {
  return !make_environment({name})->spec().model.empty();
}

/// Names of all environments on MuJoCo.
inline std::vector<std::string> mujoco_names() {
  std::vector<std::string> names = environment_names();
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](const std::string& name) { return !on_mujoco(name); }),
              names.end());
  return names;
}

inline std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
  return name;
}

}  // namespace ergon::testing
