#pragma once

#include <optional>
#include <vector>

#include "engine_outcome.hpp"
#include "ergon/rl/evaluation.hpp"
#include "ergon/rl/policy_file.hpp"
#include "rl/eval_request.hpp"

namespace ergon::app {

/// An agent and its episodes.
struct JudgedAgent {
  AgentSource source;
  PolicyDescription policy;
  EnvironmentOptions environment;
  EnvironmentSpec spec;
  std::optional<EpisodeReturns> deterministic;
  std::optional<EpisodeReturns> stochastic;
};

/// Loads the agents and makes sure that each can act in its environment. Throws InvalidInput:
/// observations, actions or their range of another size, and, unless request.environment asks for
/// it, a model that is not the one the agent was trained on.
std::vector<JudgedAgent> load_agents(const EvalRequest& request);

/// Runs the episodes of all of them.
void judge(const EvalRequest& request, std::vector<JudgedAgent>& agents);

/// result.json; its schema is docs/rl_result_schema.md.
Json eval_result_json(const EvalRequest& request,
                      const std::vector<JudgedAgent>& agents,
                      double seconds);
/// A row for each episode.
std::string returns_csv(const std::vector<JudgedAgent>& agents);

/// Carries out an evaluation and writes its folder; sets request.out to it. Throws InvalidInput and
/// NumericalFailure.
EngineOutcome evaluate_agents(EvalRequest& request);

}  // namespace ergon::app

/// The entry of `ergon rl eval`; never throws, and prints progress on stderr and nothing else.
extern "C" void ergon_rl_engine_eval(ergon::app::EvalRequest* request,
                                     ergon::app::EngineOutcome* outcome);
