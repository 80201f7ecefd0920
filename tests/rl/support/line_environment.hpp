#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/env/vector_environment.hpp"

namespace ergon::testing {

enum class LineFault { kNone, kReward, kObservation, kDiverged };

struct LineOptions {
  std::string name = "Line";
  std::string model_hash = "";
  std::int64_t max_episode_steps = 20;
  LineFault fault = LineFault::kNone;
  std::int64_t fault_step = 0;  ///< of the environment, over all its episodes, from 1
  /// Where it is not null: every action that any environment takes, in their order.
  std::shared_ptr<std::vector<double>> actions;
};

/// A point on a line, pushed: v' = 0.9 v + 0.1 a, x' = x + v', reward 1 - x'^2 - 0.01 a^2, final
/// beyond |x| = 1.5; a in [-2, 3]. Starts x in (-1, 1), v in (-0.2, 0.2). Observation: x, v.
class LineEnvironment : public Environment {
 public:
  explicit LineEnvironment(const LineOptions& options)
      : Environment(spec_of(options)), options_(options) {}
  Image8 picture(PictureSize) const override { return {}; }

  static double next_velocity(double velocity, double action) {
    return 0.9 * velocity + 0.1 * action;
  }
  static double reward(double position, double action) {
    return 1.0 - position * position - 0.01 * action * action;
  }
  static bool final(double position) { return std::abs(position) > 1.5; }

 protected:
  void begin(Pcg64& random, std::vector<double>& observation) override {
    position_ = random.uniform(-1.0, 1.0);
    velocity_ = random.uniform(-0.2, 0.2);
    observation = {position_, velocity_};
  }
  Outcome advance(const double* action, std::vector<double>& observation) override {
    ++all_steps_;
    if (options_.actions) options_.actions->push_back(action[0]);
    velocity_ = next_velocity(velocity_, action[0]);
    position_ += velocity_;
    observation = {position_, velocity_};
    Outcome outcome{reward(position_, action[0]), final(position_)};
    if (options_.fault != LineFault::kNone && all_steps_ == options_.fault_step)
      break_down(outcome, observation);
    return outcome;
  }
  std::vector<double> numbers() const override {
    return {position_, velocity_, static_cast<double>(all_steps_)};
  }
  void set_numbers(const std::vector<double>& numbers) override {
    position_ = numbers[0];
    velocity_ = numbers[1];
    all_steps_ = static_cast<std::int64_t>(numbers[2]);
  }

 private:
  static EnvironmentSpec spec_of(const LineOptions& options) {
    EnvironmentSpec spec;
    spec.name = options.name;
    spec.observation_dim = 2;
    spec.action_dim = 1;
    spec.action_low = {-2.0};
    spec.action_high = {3.0};
    spec.max_episode_steps = options.max_episode_steps;
    spec.model_hash = options.model_hash;
    return spec;
  }
  void break_down(Outcome& outcome, std::vector<double>& observation) const {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (options_.fault == LineFault::kReward) outcome.reward = nan;
    if (options_.fault == LineFault::kObservation) observation[1] = nan;
    if (options_.fault == LineFault::kDiverged) throw NumericalFailure("the simulation diverged");
  }

  LineOptions options_;
  double position_ = 0.0;
  double velocity_ = 0.0;
  std::int64_t all_steps_ = 0;
};

inline EnvironmentMaker make_line(const LineOptions& options = {}) {
  return [options] { return std::make_unique<LineEnvironment>(options); };
}

}  // namespace ergon::testing
