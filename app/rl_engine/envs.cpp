#include "rl_engine/envs.hpp"

#include "engine_parts/result_parts.hpp"
#include "ergon/env/environment.hpp"
#include "rl_engine/rl_engine.hpp"

namespace ergon::app {
namespace {

Json environment_json(const EnvironmentSpec& spec) {
  const bool simulated = !spec.model.empty();
  return {{"name", spec.name},
          {"summary", spec.summary},
          {"rules", spec.rules},
          {"observation_dim", spec.observation_dim},
          {"action_dim", spec.action_dim},
          {"action_low", spec.action_low},
          {"action_high", spec.action_high},
          {"max_episode_steps", spec.max_episode_steps},
          {"reward_threshold", number(spec.reward_threshold)},
          {"seconds_per_step", spec.seconds_per_step},
          {"model", simulated ? Json(spec.model) : Json(nullptr)},
          {"model_hash", simulated ? Json(spec.model_hash) : Json(nullptr)}};
}

bool is_meant(const std::string& name, const std::string& asked) {
  return asked.empty() || name == asked || name.rfind(asked + "-v", 0) == 0;
}

EngineOutcome describe_environments(EnvsRequest& request) {
  request.environments = Json::array();
  request.mujoco_version = mujoco_version();
  for (const std::string& name : environment_names()) {
    if (!is_meant(name, request.name)) continue;
    request.environments.push_back(environment_json(make_environment({name, 0})->spec()));
  }
  if (request.environments.empty()) make_environment({request.name, 0});  // says which there are
  return {};
}

}  // namespace
}  // namespace ergon::app

extern "C" void ergon_rl_engine_envs(ergon::app::EnvsRequest* request,
                                     ergon::app::EngineOutcome* outcome) {
  using namespace ergon::app;
  *outcome = carried_out([&] { return describe_environments(*request); }, "everything");
}
