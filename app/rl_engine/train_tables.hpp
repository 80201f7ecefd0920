#pragma once

#include <string>

#include "ergon/rl/training.hpp"

/// The record of a training as the tables that a run leaves behind (docs/rl_result_schema.md lists
/// their columns).
namespace ergon::app {

std::string episodes_csv(const TrainingRecord& record);
std::string updates_csv(const TrainingRecord& record);
/// A row for each evaluation: of both modes mean, standard error, least, greatest, mean length.
std::string evaluations_csv(const TrainingRecord& record);
/// A row for each episode of each evaluation.
std::string evaluation_returns_csv(const TrainingRecord& record);

inline constexpr std::size_t kLastEpisodes = 10;
/// Mean of the last kLastEpisodes episodes of training, of which there is one at least.
MeanReturn last_returns(const TrainingRecord& record);

/// Least and greatest return, mean length.
struct ReturnRange {
  double least = 0.0;
  double greatest = 0.0;
  double mean_length = 0.0;
};
ReturnRange range_of(const EpisodeReturns& episodes);

}  // namespace ergon::app
