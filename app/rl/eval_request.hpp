#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ergon/core/option_json.hpp"
#include "rl/agent_source.hpp"

namespace ergon::app {

/// Which episodes are run.
enum class EvalModes { kBoth, kDeterministic, kStochastic };

/// Agents, and how they are judged: all that the engine is told.
struct EvalRequest {
  std::vector<AgentSource> agents;     ///< one at least
  std::string environment;             ///< empty: each agent's own
  std::int64_t max_episode_steps = 0;  ///< 0: as the agents' runs had it, or the environment
  std::int64_t episodes = 100;         ///< of each agent in each mode
  EvalModes modes = EvalModes::kBoth;
  std::uint64_t seed = 0;
  bool best = false;  ///< the agents are those of the runs' best evaluations
  int jobs = 1;       ///< threads; the numbers do not depend on it
  std::string out;    ///< the folder; set to the one that was used
  bool overwrite = false;
  bool quiet = false;  ///< no progress on stderr

  /// Throws InvalidInput naming option, value and the rule it breaks.
  void validate() const;
};

inline constexpr const char* kEvalSymbol = "ergon_rl_engine_eval";
inline constexpr const char* kEvalSchema = "ergon-rl-eval-result/1";

/// The block `options` of result.json.
Json to_json(const EvalRequest& request);

}  // namespace ergon::app

namespace ergon {
// clang-format off
template <> struct EnumNames<app::EvalModes> { static const std::vector<EnumName<app::EvalModes>>& all(); };
// clang-format on
}  // namespace ergon
