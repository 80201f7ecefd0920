#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ergon/env/vector_environment.hpp"
#include "ergon/rl/agent.hpp"
#include "ergon/rl/evaluation.hpp"
#include "ergon/rl/training_options.hpp"

namespace ergon {

/// A finished episode of training.
struct TrainingEpisode {
  std::int64_t step = 0;  ///< environment steps at its end
  double episode_return = 0.0;
  std::int64_t length = 0;
  bool terminated = false;
};

/// Means of the updates' numbers over a window of steps; windows without updates have no row.
struct UpdateRow {
  std::int64_t step = 0;
  std::int64_t updates = 0;  ///< so far
  UpdateInfo means;
};

/// All that a run has recorded so far; part of checkpoints.
struct TrainingRecord {
  std::vector<TrainingEpisode> episodes;
  std::vector<UpdateRow> updates;  ///< a row every 1000 steps
  std::vector<Evaluation> evaluations;
};

/// An agent, its environments, its replay and its generators, stepping: what is killed at any
/// moment and resumed from its last checkpoint ends with the same bits as what never stopped, on a
/// machine of the same kind (Mlp takes its widest vectors). The
/// actions of environment i come from stream (seed, "action", i), minibatches and what else an
/// update draws from (seed, "replay").
class Training {
 public:
  /// `make` makes training and evaluation environments; all streams come from `seed`. Throws
  /// InvalidInput: options, an agent of other sizes than the environment.
  Training(EnvironmentMaker make,
           std::unique_ptr<Agent> agent,
           const TrainingOptions& options,
           std::uint64_t seed);
  ~Training();

  /// One step of every environment with all that is due after it: updates, an evaluation begun.
  /// Throws InvalidInput when done, and NumericalFailure with its cause:
  /// - Acting or an environment failed (an action, reward or observation is not finite, the
  ///   simulation diverged): environments, generators, replay and counters are those before the
  ///   step, so that the same failure follows again, also from a checkpoint saved now.
  /// - The agent's update failed (a loss is not finite): the transitions are kept and the agent is
  ///   as the update left it, for examination; every later step throws the same sentence, also
  ///   after a checkpoint saved now was loaded. To go on, load an earlier one.
  void step();
  std::int64_t steps() const;
  std::int64_t updates() const;
  bool done() const;
  /// Waits for the evaluations under way; to be called when done. Throws what an evaluation threw.
  void finish();

  /// What is recorded, with the evaluations that are complete. Throws what an evaluation threw.
  const TrainingRecord& record();
  Agent& agent();
  const EnvironmentSpec& spec() const;

  /// Weights, optimisers, replay, environments, generators, record, and the snapshots that wait for
  /// evaluation (which a resumed run evaluates again): one file, replaced in one step, with the
  /// same bytes for the same state. Throws InvalidInput naming the path and the reason.
  void save(const std::string& path);
  /// Goes on from a checkpoint of a run with the same environment, agent, seed and options; only
  /// `steps` may differ, so that runs can be prolonged. Throws InvalidInput naming the path:
  /// damaged, cut short, not a checkpoint of ours, of a newer version, of another version of MuJoCo
  /// (whose bits differ), or of another environment, agent, seed or options. What is wrong with the
  /// words of the file is found before anything changes; a later refusal leaves the object fit for
  /// another load or destruction alone.
  void load(const std::string& path);

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace ergon
