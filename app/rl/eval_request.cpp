#include "rl/eval_request.hpp"

#include "ergon/core/errors.hpp"
#include "ergon/core/workers.hpp"

namespace ergon {

const std::vector<EnumName<app::EvalModes>>& EnumNames<app::EvalModes>::all() {
  using app::EvalModes;
  static const std::vector<EnumName<EvalModes>> names = {
      {EvalModes::kBoth, "both", "episodes of either kind, from the same starts"},
      {EvalModes::kDeterministic, "deterministic", "tanh of the mean"},
      {EvalModes::kStochastic, "stochastic", "sampled actions, as in training"}};
  return names;
}

namespace app {

void EvalRequest::validate() const {
  require(!agents.empty(),
          "evaluate which agent? give a run's folder, a folder of runs, or an agent.safetensors");
  require(episodes >= 1, "--episodes must be at least 1, got {}", episodes);
  require(max_episode_steps >= 0, "--max-episode-steps must not be negative, got {}",
          max_episode_steps);
  require(jobs >= 1 && jobs <= kMaxWorkerThreads, "--jobs must be 1 to {}, got {}",
          kMaxWorkerThreads, jobs);
}

Json to_json(const EvalRequest& request) {
  Json agents = Json::array();
  for (const AgentSource& agent : request.agents) agents.push_back(agent.name);
  return {{"agents", agents},
          {"best", request.best},
          {"environment", request.environment},
          {"max-episode-steps", request.max_episode_steps},
          {"episodes", request.episodes},
          {"mode", to_json_value(request.modes)},
          {"seed", request.seed}};
}

}  // namespace app
}  // namespace ergon
