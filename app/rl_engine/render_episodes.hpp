#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ergon/env/environment.hpp"
#include "ergon/rl/agent.hpp"
#include "ergon/rl/policy_file.hpp"
#include "rl/render_request.hpp"

namespace ergon::app {

/// Who acts where.
struct Cast {
  std::unique_ptr<Environment> environment;
  std::unique_ptr<Policy> policy;
  std::string agent;                  ///< the agent's file, or empty
  std::vector<std::string> warnings;  ///< sentences: an agent of another model
};

/// Finds agent and environment. Throws InvalidInput saying what the request's subject is not.
Cast make_cast(const RenderRequest& request);

/// An episode as it went.
struct RecordedEpisode {
  std::vector<EnvironmentState> states;   ///< at the start and after every step; of episode 0
  std::vector<std::vector<double>> rows;  ///< of episode.csv, see episode_columns
  std::vector<double> last_observation;
  double episode_return = 0.0;
  std::int64_t steps = 0;
  bool terminated = false;
  std::int64_t wall_hits = 0;  ///< of a multigoal plane
};

/// Episode `index`, from the streams that `evaluate` draws from: an evaluation with this seed has
/// these returns. Throws NumericalFailure; stops early, with a shorter episode, on an interrupt.
RecordedEpisode run_episode(Cast& cast, const RenderRequest& request, std::int64_t index);

/// Header of episode.csv.
std::vector<std::string> episode_columns(const EnvironmentSpec& spec);

}  // namespace ergon::app
