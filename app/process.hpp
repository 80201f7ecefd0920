#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace ergon::app {

/// One child process to be run.
struct Job {
  std::vector<std::string> arguments;  ///< of this same program
  std::string log;                     ///< file that takes its stdout and stderr
};

/// How a job ended.
struct JobEnd {
  std::size_t job = 0;
  int exit_status = 0;  ///< 128 + signal number when a signal ended it
};

/// Runs the jobs, at most `parallel` at a time, and calls `ended` after each. Once
/// ergon::interrupt_requested(), the running ones are sent SIGINT (they leave checkpoints), waited
/// for, and no new one is started. Returns false then. Children are in process groups of their own,
/// so that Ctrl-C reaches them once, and end when this process dies. `waited`, where given, is
/// called now and then while jobs run.
bool run_jobs(const std::vector<Job>& jobs,
              int parallel,
              const std::function<void(const JobEnd&)>& ended,
              const std::function<void()>& waited = nullptr);

}  // namespace ergon::app
