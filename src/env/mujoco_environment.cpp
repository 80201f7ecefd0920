#include "env/mujoco_environment.hpp"

#include <algorithm>

#include "ergon/core/errors.hpp"

namespace ergon::internal {
namespace {

/// The spec with what the model knows: action range, time, hash.
EnvironmentSpec completed(EnvironmentSpec spec, const MujocoSettings& settings) {
  const CompiledModel& compiled = compiled_model(spec.model, settings.variant);
  const mjModel& model = *compiled.model;
  spec.observation_dim = settings.observation_dim;
  spec.action_dim = model.nu;
  for (int i = 0; i < model.nu; ++i) {
    spec.action_low.push_back(model.actuator_ctrlrange[2 * i]);
    spec.action_high.push_back(model.actuator_ctrlrange[2 * i + 1]);
  }
  spec.seconds_per_step = model.opt.timestep * settings.frame_skip;
  spec.model_hash = compiled.hash;
  return spec;
}

}  // namespace

MujocoEnvironment::MujocoEnvironment(EnvironmentSpec spec, const MujocoSettings& settings)
    : Environment(completed(std::move(spec), settings)),
      settings_(settings),
      simulation_(compiled_model(this->spec().model, settings.variant).model),
      seconds_per_step_(this->spec().seconds_per_step),
      memory_(static_cast<std::size_t>(settings.memory), 0.0) {}

void MujocoEnvironment::draw_start(Pcg64& random, double* positions, double* velocities) {
  const ResetNoise& noise = settings_.noise;
  for (int i = 0; i < model().nq; ++i) {
    positions[i] += random.uniform(-noise.position, noise.position);
  }
  for (int i = 0; i < model().nv; ++i) {
    velocities[i] += noise.velocity_kind == NoiseKind::kNormal
                         ? noise.velocity * random.normal()
                         : random.uniform(-noise.velocity, noise.velocity);
  }
}

void MujocoEnvironment::begin(Pcg64& random, std::vector<double>& observation) {
  simulation_.reset();
  draw_start(random, simulation_.positions(), simulation_.velocities());
  simulation_.forward();
  remember_start();
  stepped_ = false;
  observe(observation.data());
}

Environment::Outcome MujocoEnvironment::advance(const double* action,
                                                std::vector<double>& observation) {
  simulation_.step(action, settings_.frame_skip);
  if (settings_.contact_forces) simulation_.contact_forces();
  const Outcome outcome = judge(action);
  stepped_ = true;
  observe(observation.data());
  return outcome;
}

std::vector<double> MujocoEnvironment::numbers() const {
  std::vector<double> numbers;
  numbers.reserve(static_cast<std::size_t>(simulation_.state_size()) + memory_.size());
  simulation_.append_state(numbers);
  numbers.insert(numbers.end(), memory_.begin(), memory_.end());
  return numbers;
}

void MujocoEnvironment::set_numbers(const std::vector<double>& numbers) {
  simulation_.set_state(numbers.data());
  std::copy(numbers.begin() + simulation_.state_size(), numbers.end(), memory_.begin());
  stepped_ = false;
}

Image8 MujocoEnvironment::picture(PictureSize size) const {
  // A step leaves positions of bodies that are one time step old, and restore leaves none: the
  // scene is posed anew, in data of its own so that the simulation keeps its bits.
  MujocoSimulation posed(compiled_model(spec().model, settings_.variant).model);
  std::vector<double> numbers;
  simulation_.append_state(numbers);
  posed.set_state(numbers.data());
  posed.forward();
  return mujoco_picture(&posed.model(), posed.scratch(), settings_.camera, size);
}

}  // namespace ergon::internal
