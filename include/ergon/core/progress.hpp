#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace ergon {

/// How progress is shown: a bar redrawn in place, plain lines (at most one every ten seconds), or
/// nothing.
enum class ProgressStyle { kAutomatic, kBar, kLines, kQuiet };

/// Progress of a loop on standard error: label, bar, share done, rate, time left and a short note
/// ("fit 120/200 [######----] 60% 4.1/s 0:19 left  loss 3.412"). kAutomatic: a bar on a terminal,
/// lines elsewhere.
class Progress {
 public:
  /// `done` counts work that was finished before (a resumed run), which the rate leaves out.
  Progress(std::string label,
           std::int64_t total,
           ProgressStyle style = ProgressStyle::kAutomatic,
           std::int64_t done = 0,
           std::FILE* stream = stderr);
  ~Progress();  ///< ends the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Says that `done` of the total is finished. Cheap: redraws at most ten times a second.
  void update(std::int64_t done, const std::string& note = "");
  /// Draws the last state and ends the line.
  void finish();

 private:
  void draw(bool last);
  std::string label_;
  std::int64_t total_;
  std::int64_t start_done_;
  std::int64_t done_;
  std::string note_;
  ProgressStyle style_;
  std::FILE* stream_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point drawn_;
  bool any_drawn_ = false;
  bool finished_ = false;
};

}  // namespace ergon
