#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/mujoco_picture.hpp"
#include "env/mujoco_simulation.hpp"
#include "ergon/env/environment.hpp"

namespace ergon::internal {

enum class NoiseKind { kUniform, kNormal };

/// A start is qpos0 + U(-position, position), then velocities of U(-velocity, velocity) or
/// velocity N(0, 1), element by element: the order in which Gymnasium draws.
struct ResetNoise {
  double position = 0.0;
  double velocity = 0.0;
  NoiseKind velocity_kind = NoiseKind::kUniform;
};

/// How an environment drives its model.
struct MujocoSettings {
  std::int64_t observation_dim = 0;
  int frame_skip = 1;  ///< model time steps in a step of the environment
  ResetNoise noise;
  int memory = 0;               ///< numbers that the next reward looks back to
  bool contact_forces = false;  ///< whether anything reads cfrc_ext
  Camera camera;
  ModelVariant variant;
};

/// An environment on MuJoCo. A step sets the controls to the action as it is (Gymnasium's actions
/// are float32 values; those of a float32 policy are so here as well, and costs are summed in
/// double), steps the model frame_skip times, and leaves reward and observation to its heir.
///
/// mj_rnePostConstraint runs only where contact_forces is set, unlike in Gymnasium (v4, v5): it
/// changes neither the motion nor, where nobody reads cfrc_ext, anything else one can see.
class MujocoEnvironment : public Environment {
 public:
  Image8 picture(PictureSize size) const override;

 protected:
  MujocoEnvironment(EnvironmentSpec spec, const MujocoSettings& settings);

  const mjModel& model() const { return simulation_.model(); }
  const mjData& data() const { return simulation_.data(); }
  double seconds_per_step() const { return seconds_per_step_; }
  /// Whether a step was taken since the last start or restore: info has something to tell.
  bool stepped() const { return stepped_; }
  /// MujocoSettings::memory numbers, saved and restored with the physics.
  std::vector<double>& memory() { return memory_; }
  const std::vector<double>& memory() const { return memory_; }

  /// Writes the start's positions, (nq), and velocities, (nv), which hold the model's own start;
  /// by default MujocoSettings::noise.
  virtual void draw_start(Pcg64& random, double* positions, double* velocities);
  /// What the reward of a first step looks back to, at a start; by default nothing.
  virtual void remember_start() {}
  /// Reward and end of a step that was just simulated.
  virtual Outcome judge(const double* action) = 0;
  /// Writes the observation, (observation_dim).
  virtual void observe(double* observation) const = 0;

  void begin(Pcg64& random, std::vector<double>& observation) final;
  Outcome advance(const double* action, std::vector<double>& observation) final;
  /// The simulation's state (time, qpos, qvel, act, warm start), then the memory.
  std::vector<double> numbers() const final;
  void set_numbers(const std::vector<double>& numbers) final;

 private:
  MujocoSettings settings_;
  MujocoSimulation simulation_;
  double seconds_per_step_ = 0.0;
  std::vector<double> memory_;
  bool stepped_ = false;
};

/// Copies `count` numbers and returns the place behind them.
inline double* copy_to(double* out, const double* from, int count) {
  for (int i = 0; i < count; ++i) out[i] = from[i];
  return out + count;
}

/// As copy_to, clipped to [-bound, bound].
inline double* copy_clipped_to(double* out, const double* from, int count, double bound) {
  for (int i = 0; i < count; ++i) {
    out[i] = from[i] < -bound ? -bound : (from[i] > bound ? bound : from[i]);
  }
  return out + count;
}

inline double sum_of_squares(const double* values, int count) {
  double sum = 0.0;
  for (int i = 0; i < count; ++i) sum += values[i] * values[i];
  return sum;
}

}  // namespace ergon::internal
