#pragma once

#include <cstdint>
#include <string>

#include "ergon/core/option_json.hpp"
#include "ergon/env/environment.hpp"
#include "ergon/rl/sac_options.hpp"
#include "ergon/rl/training_options.hpp"
#include "rl/presets.hpp"

namespace ergon::app {

/// What a training computes: everything that decides its numbers. Kept in result.json and in
/// checkpoints.
struct TrainSettings {
  EnvironmentOptions environment;
  RlPreset preset = RlPreset::kStableBaselines3;  ///< from which the options started
  SacOptions sac;
  TrainingOptions training;
  std::uint64_t seed = 0;
  bool figures = true;  ///< learning_curve.svg and report.html

  /// Throws InvalidInput naming option, value and the rule it breaks.
  void validate() const;
};

/// A training and where and how it is carried out: all that the engine is told.
struct TrainRequest {
  TrainSettings settings;
  std::string out;                  ///< the run's folder
  bool overwrite = false;           ///< an earlier run in `out` may be replaced
  bool resume = false;              ///< continue from out/checkpoint
  bool quiet = false;               ///< no progress on stderr
  double checkpoint_every = 120.0;  ///< seconds, >= 0; 0: after every step
};

inline constexpr const char* kTrainSymbol = "ergon_rl_engine_train";
inline constexpr const char* kTrainSchema = "ergon-rl-train-result/1";

/// {"environment", "sac", "training", "run"}: the block `options` of result.json.
Json to_json(const TrainSettings& settings);
/// The reverse. Throws InvalidInput naming `context`.
TrainSettings train_settings_from_json(const Json& json, const std::string& context);

/// "rl-walker2d-v4-cleanrl", to which a single run adds "-seed0".
std::string train_folder_name(const TrainSettings& settings);

/// Files of a run's folder.
std::string training_state_path(const std::string& folder);  ///< checkpoint/state.safetensors
/// checkpoint/state-at-failure.safetensors: what there was when numbers left the reals, to be
/// examined; the state before stays.
std::string failed_state_path(const std::string& folder);
std::string training_seconds_path(const std::string& folder);  ///< checkpoint/seconds.json
std::string agent_path(const std::string& folder);             ///< agent.safetensors
std::string best_agent_path(const std::string& folder);        ///< best-agent.safetensors

/// The settings from folder/checkpoint/options.json. Throws InvalidInput: no checkpoint, or not one
/// of ours.
TrainSettings read_train_checkpoint(const std::string& folder);
void write_train_checkpoint(const std::string& folder, const TrainSettings& settings);

}  // namespace ergon::app
