#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "command_line.hpp"

/// Trained agents as a person names them: a run's folder, a folder of runs, an agent's file.
namespace ergon::app {

/// A command's arguments without the words that are no options and no option's value.
struct SplitArguments {
  std::vector<std::string> subjects;  ///< those words, in their order
  std::vector<std::string> options;   ///< the rest
};
SplitArguments split_arguments(const CommandShape& shape,
                               const std::vector<std::string>& arguments);

/// Without slashes at its end.
std::string without_slashes(std::string path);

/// Whether a folder holds a run of `ergon rl train`, finished or not.
bool is_training(const std::string& folder);

/// `path` itself where it is a run, else the runs in the folder, "seed-2" before "seed-10". Throws
/// InvalidInput naming the path: there is no such folder, or no run in it.
std::vector<std::string> training_folders(const std::string& path);

struct AgentSource {
  std::string name;                    ///< the folder of its run, or its file
  std::string file;                    ///< a policy file
  std::int64_t max_episode_steps = 0;  ///< of the run's environment; 0: its own limit, or unknown
};

/// The agents that `subject` names: a file's, a run's, or those of a folder of runs; of runs the
/// last policy, or under `best` that of the best evaluation. Throws InvalidInput naming what is
/// missing: no such file or folder, a run that is not finished.
std::vector<AgentSource> agent_sources(const std::string& subject, bool best);

}  // namespace ergon::app
