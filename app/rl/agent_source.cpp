#include "rl/agent_source.hpp"

#include <algorithm>
#include <filesystem>

#include "checkpoint_options.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "rl/train_request.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

bool takes_value(const CommandShape& shape, const std::string& word) {
  for (const Field& field : shape.fields) {
    if (word == "--" + field.name) return !field.value_word.empty();
  }
  return false;
}

/// Shorter names first, so that numbers at the end are in order.
bool earlier(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

std::int64_t episode_limit(const std::string& folder) {
  const std::string path = result_path(folder);
  if (!file_exists(path)) return read_train_checkpoint(folder).environment.max_episode_steps;
  const Json json = read_json_file(path);
  const Json& environment = block(block(json, "options", path), "environment", path);
  return entry<std::int64_t>(environment, "max-episode-steps", path);
}

AgentSource agent_of_run(const std::string& folder, bool best) {
  const std::string last = agent_path(folder);
  const std::string file = best ? best_agent_path(folder) : last;
  require(best || file_exists(file),
          "{}: the run is not finished; continue it with: ergon rl train --resume {}, or take the "
          "best policy so far by --best",
          folder, folder);
  require(file_exists(file), "{}: there is no evaluation yet, and so no {}", folder,
          fs::path(file).filename().string());
  return {folder, file, episode_limit(folder)};
}

}  // namespace

SplitArguments split_arguments(const CommandShape& shape,
                               const std::vector<std::string>& arguments) {
  SplitArguments split;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const bool option = word.size() > 1 && word[0] == '-';
    (option ? split.options : split.subjects).push_back(word);
    if (option && takes_value(shape, word) && i + 1 < arguments.size())
      split.options.push_back(arguments[++i]);
  }
  return split;
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

bool is_training(const std::string& folder) {
  if (file_exists(checkpoint_options_path(folder))) return file_exists(training_state_path(folder));
  const std::string path = result_path(folder);
  if (!file_exists(path)) return false;
  const Json json = read_json_file(path);
  return json.is_object() && json.value("schema", "") == kTrainSchema;
}

std::vector<std::string> training_folders(const std::string& path) {
  const std::string folder = without_slashes(path);
  std::error_code error;
  require(fs::is_directory(folder, error), "{}: there is no such folder", path);
  if (is_training(folder)) return {folder};
  std::vector<std::string> found;
  for (const auto& inside : fs::directory_iterator(folder, error)) {
    if (inside.is_directory(error) && is_training(inside.path().string()))
      found.push_back(inside.path().string());
  }
  require(!found.empty(), "{}: holds no run of 'ergon rl train', nor folders of them", path);
  std::sort(found.begin(), found.end(), earlier);
  return found;
}

std::vector<AgentSource> agent_sources(const std::string& subject, bool best) {
  std::error_code error;
  if (!fs::is_directory(subject, error)) {
    require(file_exists(subject), "{}: there is no such file or folder", subject);
    require(!best, "--best chooses between the policies of a run, and {} is a file; leave it out",
            subject);
    return {{subject, subject, 0}};
  }
  std::vector<AgentSource> sources;
  for (const std::string& folder : training_folders(subject))
    sources.push_back(agent_of_run(folder, best));
  return sources;
}

}  // namespace ergon::app
