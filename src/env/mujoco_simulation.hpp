#pragma once

#include <mujoco/mujoco.h>

#include <memory>
#include <string>
#include <vector>

namespace ergon::internal {

/// A compiled model and the hash of the text it came from. Read-only: environments share it.
struct CompiledModel {
  std::shared_ptr<const mjModel> model;
  std::string hash;  ///< SHA-256 of the text
};

/// What a version of an environment changes in its compiled model; `name` tells variants of one
/// file apart.
struct ModelVariant {
  std::string name;
  void (*change)(mjModel* model) = nullptr;
};

/// Compiles a model file of the library, once in a process for each file and variant. Throws
/// InvalidInput for an unknown file.
const CompiledModel& compiled_model(const std::string& file, const ModelVariant& variant = {});

/// Index of a body or a geom. Throws BrokenPromise when the model has none of that name.
int body_index(const mjModel& model, const std::string& name);
int geom_index(const mjModel& model, const std::string& name);

/// One simulation of a model: mjData with an owner. MuJoCo's warnings and errors never reach the
/// terminal or a log file: divergence and errors of the library are NumericalFailure.
class MujocoSimulation {
 public:
  explicit MujocoSimulation(std::shared_ptr<const mjModel> model);

  const mjModel& model() const { return *model_; }
  const mjData& data() const { return *data_; }
  double* positions() { return data_->qpos; }
  double* velocities() { return data_->qvel; }
  /// For what draws a scene and may overwrite it.
  mjData* scratch() { return data_.get(); }

  /// The model's start: qpos0 and no velocity (mj_resetData).
  void reset() { mj_resetData(model_.get(), data_.get()); }
  /// All that follows from positions and velocities (mj_forward).
  void forward() { mj_forward(model_.get(), data_.get()); }
  /// `count` steps of the model's time step under constant controls, (nu), which MuJoCo clamps to
  /// their ranges. Throws NumericalFailure when positions, velocities or accelerations left
  /// MuJoCo's bounds (it would have reset the simulation in silence).
  void step(const double* controls, int count);
  /// Fills cfrc_ext (mj_rnePostConstraint); the motion does not depend on it.
  void contact_forces() { mj_rnePostConstraint(model_.get(), data_.get()); }

  /// What the next step depends on, and nothing else: time, qpos, qvel, act and the solver's warm
  /// start (without which the last bits differ).
  int state_size() const;
  void append_state(std::vector<double>& numbers) const;
  void set_state(const double* numbers);

 private:
  [[noreturn]] void report_divergence() const;

  struct Deleter {
    void operator()(mjData* data) const { mj_deleteData(data); }
  };
  std::shared_ptr<const mjModel> model_;
  std::unique_ptr<mjData, Deleter> data_;
};

}  // namespace ergon::internal
