#pragma once

#include <cstddef>
#include <string>

#include "ergon/core/event_file.hpp"
#include "ergon/rl/training.hpp"

namespace ergon::app {

/// The tables and the TensorBoard file of a run, kept up to date while it trains: the tables are
/// written anew, the events are appended, so that a TensorBoard that is looking on sees them.
class TrainingLog {
 public:
  explicit TrainingLog(std::string folder);

  /// Before the first step, or the first one after a resumption: writes all that `record` holds so
  /// far. Events of before get times spread evenly over the `seconds` that the run has taken for
  /// its `steps`.
  void begin(const TrainingRecord& record, double seconds, std::int64_t steps);
  /// Brings the files up to `record`. Throws InvalidInput: full disk, read-only folder.
  void publish(const TrainingRecord& record);

 private:
  /// Adds what is new; a row's time is `start` + `seconds_per_step` times its step, or now when
  /// that is 0.
  void add(const TrainingRecord& record, double start, double seconds_per_step);
  void write_tables(const TrainingRecord& record) const;

  std::string folder_;
  EventFile events_;
  std::size_t written_ = 0;  ///< bytes of the events that are on disk
  std::size_t episodes_ = 0, updates_ = 0, evaluations_ = 0;  ///< rows among the events
};

}  // namespace ergon::app
