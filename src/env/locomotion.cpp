#include "env/locomotion.hpp"

#include <cmath>

namespace ergon::internal {
namespace {

constexpr std::size_t kX = 0, kY = 1;  // of the memory: where the body was

MujocoSettings with_memory(MujocoSettings settings) {
  settings.memory = 2;
  return settings;
}

}  // namespace

Locomotion::Locomotion(EnvironmentSpec spec,
                       const MujocoSettings& settings,
                       const LocomotionRules& rules)
    : MujocoEnvironment(std::move(spec), with_memory(settings)), rules_(rules) {}

PlanarPosition Locomotion::position() const { return {data().qpos[0], 0.0}; }

double Locomotion::control_cost(const double* action) const {
  return rules_.control * sum_of_squares(action, model().nu);
}

void Locomotion::remember_start() {
  const PlanarPosition start = position();
  memory()[kX] = start.x;
  memory()[kY] = start.y;
}

Environment::Outcome Locomotion::judge(const double* action) {
  const PlanarPosition now = position();
  const double dt = seconds_per_step();
  terms_.position = now;
  terms_.velocity = {(now.x - memory()[kX]) / dt, (now.y - memory()[kY]) / dt};
  memory()[kX] = now.x;
  memory()[kY] = now.y;

  const bool well = healthy();
  const bool paid = well || rules_.pay == HealthyPay::kEveryStep;
  terms_.forward = rules_.forward * terms_.velocity.x;
  terms_.healthy = paid ? rules_.healthy : 0.0;
  terms_.control = control_cost(action);
  terms_.contact = contact_cost();
  const double gains = terms_.forward + terms_.healthy;
  return {gains - (terms_.control + terms_.contact), !well};
}

std::vector<std::pair<std::string, double>> Locomotion::info() const {
  if (!stepped()) return {};
  std::vector<std::pair<std::string, double>> info = {{"x_position", terms_.position.x},
                                                      {"x_velocity", terms_.velocity.x}};
  if (rules_.ground == Ground::kPlane) {
    info.emplace_back("y_position", terms_.position.y);
    info.emplace_back("y_velocity", terms_.velocity.y);
    info.emplace_back("distance_from_origin", std::hypot(terms_.position.x, terms_.position.y));
  }
  info.emplace_back("reward_forward", terms_.forward);
  info.emplace_back("reward_ctrl", 0.0 - terms_.control);
  if (rules_.healthy != 0.0) info.emplace_back("reward_survive", terms_.healthy);
  if (rules_.contact != 0.0) info.emplace_back("reward_contact", 0.0 - terms_.contact);
  return info;
}

}  // namespace ergon::internal
