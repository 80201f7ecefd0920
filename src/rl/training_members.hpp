#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ergon/rl/replay.hpp"
#include "ergon/rl/training.hpp"
#include "rewind.hpp"
#include "update_window.hpp"

namespace ergon {

/// A snapshot whose evaluation is not yet in the record.
struct PendingSnapshot {
  std::int64_t step = 0;
  std::vector<double> parameters;
};

struct Training::Members {
  Members(EnvironmentMaker maker,
          std::unique_ptr<Agent> learner,
          const TrainingOptions& training_options,
          std::uint64_t training_seed);

  // training.cpp
  void act();
  void step_environments();
  void keep_transitions();
  void update_when_due(std::int64_t before);
  void update();
  void evaluate_when_due(std::int64_t before);
  void submit(PendingSnapshot snapshot);
  /// Moves evaluations that are complete into the record; throws what one of them threw.
  void collect();
  bool done() const { return failure.empty() && steps >= options.steps; }

  // training_checkpoint.cpp
  void check(const SafetensorsFile& file) const;
  void save(SafetensorsWriter& file) const;
  void load(const SafetensorsFile& file);

  EnvironmentMaker make;
  std::unique_ptr<Agent> agent;
  TrainingOptions options;
  std::uint64_t seed;

  VectorEnvironment environments;
  internal::Rewind rewind;
  Replay replay;
  std::vector<Pcg64> action_generators;  ///< one for each environment
  Pcg64 replay_generator;
  std::int64_t steps = 0;
  std::int64_t updates = 0;
  std::vector<double> running_returns;        ///< of the episodes under way
  std::vector<std::int64_t> running_lengths;  ///< likewise
  internal::UpdateWindow window;
  TrainingRecord record;
  std::vector<PendingSnapshot> pending;
  std::string failure;  ///< of an update that failed, or empty

  // Within a step, (environments x dimension):
  std::vector<Pcg64> earlier_generators;
  std::vector<double> observations;  ///< before the step
  std::vector<double> actions;       ///< in (-1, 1)
  std::vector<double> scaled_actions;

  std::unique_ptr<Evaluator> evaluator;  ///< last: ends first
};

}  // namespace ergon
