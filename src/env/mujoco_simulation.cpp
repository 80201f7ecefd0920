#include "env/mujoco_simulation.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "env/sha256.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/env/environment.hpp"

namespace ergon::internal {
namespace {

/// Divergence is read from mjData::warning after every step, so nothing is to be said here.
void ignore_warning(const char*) {}

/// MuJoCo's errors do not return to their caller; unwinding leaves its functions. The mjData is
/// only good for a reset afterwards.
void throw_error(const char* message) {
  throw NumericalFailure(fmt::format("MuJoCo stopped: {}", message));
}

void take_over_messages() {
  static std::once_flag once;
  std::call_once(once, [] {
    mju_user_warning = ignore_warning;
    mju_user_error = throw_error;
  });
}

// A file in memory is made by mj_addBufferVFS in MuJoCo 3.x and by mj_makeEmptyFileVFS before. Both
// are found through their argument's type, so that the one that a header lacks does no harm.
template <class Vfs>
auto add_text(Vfs* vfs, const char* name, const std::string& text, int)
    -> decltype(mj_addBufferVFS(vfs, name, text.data(), 0)) {
  return mj_addBufferVFS(vfs, name, text.data(), static_cast<int>(text.size()));
}

template <class Vfs>
auto add_text(Vfs* vfs, const char* name, const std::string& text, long)
    -> decltype(mj_makeEmptyFileVFS(vfs, name, 0)) {
  const int failed = mj_makeEmptyFileVFS(vfs, name, static_cast<int>(text.size()));
  if (failed == 0) {
    std::memcpy(vfs->filedata[mj_findFileVFS(vfs, name)], text.data(), text.size());
  }
  return failed;
}

std::shared_ptr<mjModel> compile(const std::string& file, const std::string& text) {
  take_over_messages();
  const auto vfs = std::make_unique<mjVFS>();  // megabytes in MuJoCo 2.x: not for the stack
  mj_defaultVFS(vfs.get());
  const int failed = add_text(vfs.get(), file.c_str(), text, 0);
  char message[1000] = "";
  mjModel* model =
      failed != 0 ? nullptr : mj_loadXML(file.c_str(), vfs.get(), message, sizeof message);
  mj_deleteVFS(vfs.get());
  ERGON_CHECK(model != nullptr, "{} does not compile: {}", file, message);
  return {model, [](mjModel* owned) { mj_deleteModel(owned); }};
}

int index_of(const mjModel& model, mjtObj kind, const std::string& name) {
  const int index = mj_name2id(&model, kind, name.c_str());
  ERGON_CHECK(index >= 0, "the model has no '{}'", name);
  return index;
}

}  // namespace

const CompiledModel& compiled_model(const std::string& file, const ModelVariant& variant) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, std::string>, CompiledModel> models;
  const std::lock_guard<std::mutex> lock(mutex);
  CompiledModel& entry = models[{file, variant.name}];
  if (!entry.model) {
    const std::string& text = model_text(file);
    const std::shared_ptr<mjModel> model = compile(file, text);
    if (variant.change) variant.change(model.get());
    entry = {model, sha256(text)};
  }
  return entry;
}

int body_index(const mjModel& model, const std::string& name) {
  return index_of(model, mjOBJ_BODY, name);
}

int geom_index(const mjModel& model, const std::string& name) {
  return index_of(model, mjOBJ_GEOM, name);
}

MujocoSimulation::MujocoSimulation(std::shared_ptr<const mjModel> model)
    : model_(std::move(model)), data_(mj_makeData(model_.get())) {
  forward();
}

void MujocoSimulation::step(const double* controls, int count) {
  mjData* data = data_.get();
  std::copy(controls, controls + model_->nu, data->ctrl);
  for (int i = 0; i < count; ++i) mj_step(model_.get(), data);
  const auto* warning = data->warning;
  if (warning[mjWARN_BADQPOS].number + warning[mjWARN_BADQVEL].number +
          warning[mjWARN_BADQACC].number >
      0) {
    report_divergence();
  }
}

void MujocoSimulation::report_divergence() const {
  const auto* warning = data_->warning;
  for (const auto& [kind, name] : {std::pair{mjWARN_BADQPOS, "position"},
                                   {mjWARN_BADQVEL, "velocity"},
                                   {mjWARN_BADQACC, "acceleration"}}) {
    if (warning[kind].number > 0) {
      throw NumericalFailure(
          fmt::format("the simulation diverged: the {} of coordinate {} is beyond {:g} or "
                      "not a number",
                      name, warning[kind].lastinfo, mjMAXVAL));
    }
  }
  ERGON_CHECK(false, "no divergence to report");
}

int MujocoSimulation::state_size() const { return 1 + model_->nq + 2 * model_->nv + model_->na; }

void MujocoSimulation::append_state(std::vector<double>& numbers) const {
  const auto append = [&numbers](const double* values, int count) {
    numbers.insert(numbers.end(), values, values + count);
  };
  append(&data_->time, 1);
  append(data_->qpos, model_->nq);
  append(data_->qvel, model_->nv);
  append(data_->act, model_->na);
  append(data_->qacc_warmstart, model_->nv);
}

void MujocoSimulation::set_state(const double* numbers) {
  reset();
  const auto take = [&numbers](double* values, int count) {
    std::copy(numbers, numbers + count, values);
    numbers += count;
  };
  take(&data_->time, 1);
  take(data_->qpos, model_->nq);
  take(data_->qvel, model_->nv);
  take(data_->act, model_->na);
  take(data_->qacc_warmstart, model_->nv);
}

}  // namespace ergon::internal
