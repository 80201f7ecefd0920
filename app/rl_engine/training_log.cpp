#include "rl_engine/training_log.hpp"

#include <chrono>
#include <cmath>
#include <fstream>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "rl_engine/train_tables.hpp"

namespace ergon::app {
namespace {

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string events_path(const std::string& folder) { return folder + "/" + EventFile::kFileName; }

}  // namespace

TrainingLog::TrainingLog(std::string folder)
    : folder_(std::move(folder)), events_(seconds_since_1970()) {}

void TrainingLog::begin(const TrainingRecord& record, double seconds, std::int64_t steps) {
  const double start = seconds_since_1970() - seconds;
  events_ = EventFile(start);
  add(record, start, steps > 0 ? seconds / static_cast<double>(steps) : 0.0);
  write_tables(record);
  events_.save(events_path(folder_));
  written_ = events_.bytes().size();
}

void TrainingLog::publish(const TrainingRecord& record) {
  add(record, seconds_since_1970(), 0.0);
  write_tables(record);
  const std::string path = events_path(folder_);
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file.write(events_.bytes().data() + written_,
             static_cast<std::streamsize>(events_.bytes().size() - written_));
  file.close();
  require(!file.fail(), "{} cannot be written", path);
  written_ = events_.bytes().size();
}

void TrainingLog::add(const TrainingRecord& record, double start, double seconds_per_step) {
  const auto scalar = [&](const std::string& tag, std::int64_t step, double value) {
    const double time = start + seconds_per_step * static_cast<double>(step);
    if (std::isfinite(value)) events_.add_scalar(tag, step, value, time);
  };
  for (; episodes_ < record.episodes.size(); ++episodes_) {
    const TrainingEpisode& episode = record.episodes[episodes_];
    scalar("rollout/return", episode.step, episode.episode_return);
    scalar("rollout/length", episode.step, static_cast<double>(episode.length));
  }
  for (; updates_ < record.updates.size(); ++updates_) {
    const UpdateRow& row = record.updates[updates_];
    for (const auto& [name, value] : row.means) scalar("train/" + name, row.step, value);
  }
  for (; evaluations_ < record.evaluations.size(); ++evaluations_) {
    const Evaluation& evaluation = record.evaluations[evaluations_];
    scalar("eval/deterministic", evaluation.step, mean_return(evaluation.deterministic).mean);
    scalar("eval/stochastic", evaluation.step, mean_return(evaluation.stochastic).mean);
  }
}

void TrainingLog::write_tables(const TrainingRecord& record) const {
  write_file(folder_ + "/episodes.csv", episodes_csv(record));
  write_file(folder_ + "/updates.csv", updates_csv(record));
  write_file(folder_ + "/evaluations.csv", evaluations_csv(record));
  write_file(folder_ + "/evaluation_returns.csv", evaluation_returns_csv(record));
}

}  // namespace ergon::app
