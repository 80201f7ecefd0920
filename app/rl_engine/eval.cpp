#include "rl_engine/eval.hpp"

#include <chrono>
#include <filesystem>
#include <mutex>

#include "ergon/core/denormals.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/progress.hpp"
#include "ergon/core/workers.hpp"
#include "rl_engine/rl_engine.hpp"
#include "run_folder.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

void require_same_sizes(const JudgedAgent& agent) {
  const EnvironmentSpec& spec = agent.spec;
  const PolicyDescription& policy = agent.policy;
  require(
      policy.observation_dim() == spec.observation_dim && policy.action_dim() == spec.action_dim,
      "{}: the agent takes {} observations and gives {} actions, {} has {} and {}; choose an "
      "environment of its kind",
      agent.source.file, policy.observation_dim(), policy.action_dim(), spec.name,
      spec.observation_dim, spec.action_dim);
  const bool same_range = policy.action_low.empty() || (policy.action_low == spec.action_low &&
                                                        policy.action_high == spec.action_high);
  require(same_range, "{}: the agent's actions have another range than those of {}",
          agent.source.file, spec.name);
}

void require_same_model(const JudgedAgent& agent) {
  require(
      agent.policy.model_hash == agent.spec.model_hash,
      "{}: the agent was trained on another model of {} (SHA-256 {:.12}, here {:.12}); to judge "
      "it on this one nevertheless, give --environment {}",
      agent.source.file, agent.spec.name, agent.policy.model_hash, agent.spec.model_hash,
      agent.spec.name);
}

JudgedAgent load_agent(const EvalRequest& request, const AgentSource& source) {
  JudgedAgent agent;
  agent.source = source;
  agent.policy = load_policy_file(source.file);
  const bool own = request.environment.empty();
  agent.environment.name = own ? agent.policy.environment : request.environment;
  require(!agent.environment.name.empty(),
          "{}: does not say in which environment it acts; give --environment", source.file);
  agent.environment.max_episode_steps =
      request.max_episode_steps > 0 ? request.max_episode_steps : source.max_episode_steps;
  agent.spec = make_environment(agent.environment)->spec();
  require_same_sizes(agent);
  if (own) require_same_model(agent);
  return agent;
}

/// The episodes of one agent in one mode.
struct Piece {
  JudgedAgent* agent;
  ActionMode mode;
};

std::vector<Piece> pieces_of(const EvalRequest& request, std::vector<JudgedAgent>& agents) {
  std::vector<Piece> pieces;
  for (JudgedAgent& agent : agents) {
    if (request.modes != EvalModes::kStochastic)
      pieces.push_back({&agent, ActionMode::kDeterministic});
    if (request.modes != EvalModes::kDeterministic)
      pieces.push_back({&agent, ActionMode::kStochastic});
  }
  return pieces;
}

/// The folder of an evaluation is none of a run's, whose files it would replace.
void require_other_folder(const EvalRequest& request) {
  if (request.out.empty()) return;
  for (const AgentSource& agent : request.agents) {
    std::error_code error;
    const fs::path of_agent = fs::path(agent.file).parent_path();
    require(!fs::equivalent(request.out, of_agent.empty() ? "." : of_agent, error),
            "--out {} is the folder of the agent itself, whose files would be replaced; choose "
            "another",
            request.out);
  }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::vector<JudgedAgent> load_agents(const EvalRequest& request) {
  std::vector<JudgedAgent> agents;
  for (const AgentSource& source : request.agents) agents.push_back(load_agent(request, source));
  return agents;
}

void judge(const EvalRequest& request, std::vector<JudgedAgent>& agents) {
  const std::vector<Piece> pieces = pieces_of(request, agents);
  const auto count = static_cast<std::int64_t>(pieces.size());
  Progress progress("evaluate", count * request.episodes,
                    request.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAutomatic);
  std::mutex mutex;  // of the progress
  std::int64_t done = 0;
  set_worker_threads(request.jobs);
  parallel_over(count, [&](std::int64_t index) {
    const Piece& piece = pieces[static_cast<std::size_t>(index)];
    const auto environment = make_environment(piece.agent->environment);
    const auto policy = make_policy(piece.agent->policy);
    (piece.mode == ActionMode::kDeterministic ? piece.agent->deterministic
                                              : piece.agent->stochastic) =
        evaluate(*environment, *policy, piece.mode, request.episodes, request.seed);
    const std::lock_guard<std::mutex> lock(mutex);
    progress.update(done += request.episodes);
  });
  progress.finish();
}

EngineOutcome evaluate_agents(EvalRequest& request) {
  flush_denormals();
  request.validate();
  const auto start = std::chrono::steady_clock::now();
  std::vector<JudgedAgent> agents = load_agents(request);
  require_other_folder(request);
  RunFolder folder(request.out, "out/rl-eval", request.overwrite);
  judge(request, agents);
  folder.keep();
  request.out = folder.path();
  write_file(folder.path() + "/returns.csv", returns_csv(agents));
  write_file(result_path(folder.path()),
             eval_result_json(request, agents, seconds_since(start)).dump(2) + "\n");
  return {};
}

}  // namespace ergon::app

extern "C" void ergon_rl_engine_eval(ergon::app::EvalRequest* request,
                                     ergon::app::EngineOutcome* outcome) {
  using namespace ergon::app;
  *outcome = carried_out([&] { return evaluate_agents(*request); }, "--episodes");
}
