#include "rl_engine/train_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ergon::app {
namespace {

/// An empty cell where there is no number.
std::string cell(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

std::string evaluation_cells(const EpisodeReturns& episodes) {
  const MeanReturn mean = mean_return(episodes);
  const ReturnRange range = range_of(episodes);
  return fmt::format(",{},{},{},{},{}", mean.mean, cell(mean.standard_error), range.least,
                     range.greatest, range.mean_length);
}

void append_episodes(std::int64_t step,
                     int deterministic,
                     const EpisodeReturns& episodes,
                     std::string& text) {
  for (std::size_t i = 0; i < episodes.returns.size(); ++i) {
    text += fmt::format("{},{},{},{},{},{}\n", step, deterministic, i, episodes.returns[i],
                        episodes.lengths[i], episodes.terminated[i] ? 1 : 0);
  }
}

}  // namespace

std::string episodes_csv(const TrainingRecord& record) {
  std::string text = "step,return,length,terminated\n";
  for (const TrainingEpisode& episode : record.episodes) {
    text += fmt::format("{},{},{},{}\n", episode.step, episode.episode_return, episode.length,
                        episode.terminated ? 1 : 0);
  }
  return text;
}

std::string updates_csv(const TrainingRecord& record) {
  std::string text = "step,updates";
  if (!record.updates.empty()) {
    for (const auto& [name, value] : record.updates.front().means) text += "," + name;
  }
  text += "\n";
  for (const UpdateRow& row : record.updates) {
    text += fmt::format("{},{}", row.step, row.updates);
    for (const auto& [name, value] : row.means) text += "," + cell(value);
    text += "\n";
  }
  return text;
}

std::string evaluations_csv(const TrainingRecord& record) {
  std::string text = "step";
  for (const char* mode : {"deterministic", "stochastic"}) {
    for (const char* what : {"mean", "standard_error", "min", "max", "mean_length"})
      text += fmt::format(",{}_{}", mode, what);
  }
  text += "\n";
  for (const Evaluation& evaluation : record.evaluations) {
    text += fmt::format("{}{}{}\n", evaluation.step, evaluation_cells(evaluation.deterministic),
                        evaluation_cells(evaluation.stochastic));
  }
  return text;
}

std::string evaluation_returns_csv(const TrainingRecord& record) {
  std::string text = "step,deterministic,episode,return,length,terminated\n";
  for (const Evaluation& evaluation : record.evaluations) {
    append_episodes(evaluation.step, 1, evaluation.deterministic, text);
    append_episodes(evaluation.step, 0, evaluation.stochastic, text);
  }
  return text;
}

MeanReturn last_returns(const TrainingRecord& record) {
  EpisodeReturns last;
  const std::size_t count = std::min(kLastEpisodes, record.episodes.size());
  for (auto episode = record.episodes.end() - static_cast<std::ptrdiff_t>(count);
       episode != record.episodes.end(); ++episode)
    last.returns.push_back(episode->episode_return);
  return mean_return(last);
}

ReturnRange range_of(const EpisodeReturns& episodes) {
  const auto [least, greatest] =
      std::minmax_element(episodes.returns.begin(), episodes.returns.end());
  const auto steps =
      std::accumulate(episodes.lengths.begin(), episodes.lengths.end(), std::int64_t{0});
  return {*least, *greatest,
          static_cast<double>(steps) / static_cast<double>(episodes.lengths.size())};
}

}  // namespace ergon::app
