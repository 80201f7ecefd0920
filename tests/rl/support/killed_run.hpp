#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "ergon/core/files.hpp"
#include "ergon/rl/training.hpp"

namespace ergon::testing {

using TrainingMaker = std::function<std::unique_ptr<Training>()>;

/// To the end, and the state there into `path`.
inline void finish_into(Training& run, const std::string& path) {
  while (!run.done()) run.step();
  run.finish();
  run.save(path);
}

/// What a process does that may be killed: goes on from the checkpoint if there is one, and saves
/// after every `save_every` steps.
inline void run_and_save(const TrainingMaker& make,
                         const std::string& checkpoint,
                         std::int64_t save_every) {
  const std::unique_ptr<Training> run = make();
  if (file_exists(checkpoint)) run->load(checkpoint);
  while (!run->done()) {
    run->step();
    if (run->steps() % save_every == 0) run->save(checkpoint);
  }
  finish_into(*run, checkpoint + ".end");
}

/// Runs it in processes that are killed (SIGKILL), the first after a millisecond and every other a
/// quarter later than the one before, until one comes to its end: several on fast machines, not too
/// many on slow ones. How many were killed when a checkpoint was there; the end's state is in
/// `checkpoint`.end.
inline int run_with_kills(const TrainingMaker& make,
                          const std::string& checkpoint,
                          std::int64_t save_every) {
  int kills = 0;
  for (double microseconds = 1000.0;; microseconds *= 1.25) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        run_and_save(make, checkpoint, save_every);
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(microseconds));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0) << "the run failed after " << kills << " kills";
      return kills;
    }
    kills += file_exists(checkpoint) ? 1 : 0;
  }
}

}  // namespace ergon::testing
