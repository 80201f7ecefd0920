#include <algorithm>

#include "engine_parts/result_parts.hpp"
#include "ergon/core/machine.hpp"
#include "ergon/estimate/interquartile_mean.hpp"
#include "rl_engine/eval.hpp"
#include "rl_engine/train_tables.hpp"

namespace ergon::app {
namespace {

using Returns = std::optional<EpisodeReturns> JudgedAgent::*;

Json interval_json(const BootstrapInterval& interval, const std::string& method) {
  return {{"value", number(interval.value)},
          {"interval", Json::array({number(interval.lower), number(interval.upper)})},
          {"method", method}};
}

Json returns_json(const std::optional<EpisodeReturns>& episodes, const char* how) {
  if (!episodes) return nullptr;
  const MeanReturn mean = mean_return(*episodes);
  const ReturnRange range = range_of(*episodes);
  const std::size_t count = episodes->returns.size();
  const auto terminated =
      std::count(episodes->terminated.begin(), episodes->terminated.end(), true);
  const BootstrapOptions bootstrap;
  return {{"value", number(mean.mean)},
          {"standard_error", number(mean.standard_error)},
          {"method", fmt::format("mean undiscounted return of {} episodes {}", count, how)},
          {"interquartile_mean",
           interval_json(stratified_interquartile_mean({episodes->returns}, bootstrap),
                         fmt::format("over the episodes; 95 % percentile interval of {} bootstrap "
                                     "resamples",
                                     bootstrap.resamples))},
          {"min", number(range.least)},
          {"max", number(range.greatest)},
          {"mean_length", number(range.mean_length)},
          {"terminated_share", static_cast<double>(terminated) / static_cast<double>(count)},
          {"episodes", count}};
}

Json agent_json(const JudgedAgent& agent) {
  const PolicyDescription& policy = agent.policy;
  const bool simulated = !agent.spec.model.empty();
  return {{"name", agent.source.name},
          {"file", agent.source.file},
          {"environment",
           {{"name", agent.spec.name},
            {"rules", agent.spec.rules},
            {"max_episode_steps", agent.spec.max_episode_steps},
            {"model", simulated ? Json(agent.spec.model) : Json(nullptr)},
            {"model_hash", simulated ? Json(agent.spec.model_hash) : Json(nullptr)}}},
          {"trained",
           {{"environment", policy.environment},
            {"algorithm", policy.algorithm},
            {"steps", policy.steps},
            {"seed", policy.seed},
            {"model_hash", policy.model_hash}}},
          {"deterministic", returns_json(agent.deterministic, "with tanh of the mean")},
          {"stochastic", returns_json(agent.stochastic, "with sampled actions")}};
}

Json over_agents(const std::vector<JudgedAgent>& agents, Returns mode) {
  std::vector<double> means;
  for (const JudgedAgent& agent : agents) {
    if (agent.*mode) means.push_back(mean_return(*(agent.*mode)).mean);
  }
  if (means.empty()) return nullptr;
  const BootstrapOptions bootstrap;
  return interval_json(
      stratified_interquartile_mean({means}, bootstrap),
      fmt::format("interquartile mean over {} agents of their mean returns; 95 % percentile "
                  "interval of {} bootstrap resamples",
                  means.size(), bootstrap.resamples));
}

/// Of several agents in one environment, else null.
Json all_json(const std::vector<JudgedAgent>& agents) {
  const bool one_environment = std::all_of(
      agents.begin(), agents.end(),
      [&](const JudgedAgent& agent) { return agent.spec.name == agents.front().spec.name; });
  if (agents.size() < 2 || !one_environment) return nullptr;
  return {{"environment", agents.front().spec.name},
          {"deterministic", over_agents(agents, &JudgedAgent::deterministic)},
          {"stochastic", over_agents(agents, &JudgedAgent::stochastic)}};
}

Json warnings_for(const EvalRequest& request, const std::vector<JudgedAgent>& agents) {
  Json warnings = Json::array();
  for (const JudgedAgent& agent : agents) {
    if (agent.policy.environment != agent.spec.name) {
      warnings.push_back(fmt::format(
          "{} was trained in {} and judged in {}", agent.source.name,
          agent.policy.environment.empty() ? "an unknown environment" : agent.policy.environment,
          agent.spec.name));
    } else if (agent.policy.model_hash != agent.spec.model_hash) {
      warnings.push_back(fmt::format("{} was trained on another model of {} (SHA-256 {:.12})",
                                     agent.source.name, agent.spec.name, agent.policy.model_hash));
    }
  }
  if (request.episodes == 1)
    warnings.push_back("one episode has no standard error; take more --episodes");
  return warnings;
}

void append_rows(std::size_t agent,
                 int deterministic,
                 const std::optional<EpisodeReturns>& episodes,
                 std::string& text) {
  if (!episodes) return;
  for (std::size_t i = 0; i < episodes->returns.size(); ++i) {
    text += fmt::format("{},{},{},{},{},{}\n", agent, deterministic, i, episodes->returns[i],
                        episodes->lengths[i], episodes->terminated[i] ? 1 : 0);
  }
}

}  // namespace

Json eval_result_json(const EvalRequest& request,
                      const std::vector<JudgedAgent>& agents,
                      double seconds) {
  Json json = {{"schema", kEvalSchema}, {"status", "finished"}, {"agents", Json::array()}};
  for (const JudgedAgent& agent : agents) json["agents"].push_back(agent_json(agent));
  json["all"] = all_json(agents);
  json["warnings"] = warnings_for(request, agents);
  json["seconds"] = seconds;
  json["seed"] = request.seed;
  json["date"] = utc_now();
  json["versions"] = ergon_versions_json();
  json["versions"]["mujoco"] = mujoco_version();
  json["versions"]["compiler"] = describe_machine().compiler;
  json["machine"] = machine_json();
  json["options"] = to_json(request);
  return json;
}

std::string returns_csv(const std::vector<JudgedAgent>& agents) {
  std::string text = "agent,deterministic,episode,return,length,terminated\n";
  for (std::size_t i = 0; i < agents.size(); ++i) {
    append_rows(i, 1, agents[i].deterministic, text);
    append_rows(i, 0, agents[i].stochastic, text);
  }
  return text;
}

}  // namespace ergon::app
