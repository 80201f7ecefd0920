#include <cstdio>

#include "command_line.hpp"
#include "engine_loader.hpp"
#include "ergon/core/files.hpp"
#include "rl/rl_commands.hpp"
#include "rl/train_table.hpp"
#include "rl/train_words.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

TrainOptions resume_options(const Words& words) {
  require_resume_words(words, "environment");
  TrainOptions options;
  apply_words(train_shape(options), words);
  options.request.resume = true;
  options.request.out = options.resume;
  return options;
}

int help(const Words& words) {
  TrainOptions options;
  set_train_starting_point(words, options.request.settings);
  std::fputs(help_text(train_shape(options)).c_str(), stdout);
  return kExitOk;
}

void print_result(const std::string& folder, bool json) {
  const std::string path = result_path(folder);
  std::fputs(json ? read_file(path).c_str() : train_table(read_json_file(path), folder).c_str(),
             stdout);
}

/// Whether there is nothing left to do; otherwise takes the settings of the checkpoint.
bool is_finished(TrainRequest& request) {
  if (!file_exists(checkpoint_options_path(request.out)) && file_exists(result_path(request.out))) {
    fmt::print(stderr, "ergon: the run in {} is finished; there is nothing to resume\n",
               request.out);
    return true;
  }
  request.settings = read_train_checkpoint(request.out);
  return false;
}

}  // namespace

TrainSettings train_settings(const std::vector<std::string>& arguments) {
  return to_train_options(train_words(arguments)).request.settings;
}

int run_rl_train(const std::vector<std::string>& arguments) {
  const Words words = train_words(arguments);
  if (words.count("help") > 0) return help(words);
  TrainOptions options =
      words.count("resume") > 0 ? resume_options(words) : to_train_options(words);
  if (!options.seeds.empty()) return run_train_seeds(options, words);
  TrainRequest& request = options.request;
  const bool finished = request.resume && is_finished(request);
  const int status =
      finished ? kExitOk : run_engine(EngineLibrary::kReinforcementLearning, kTrainSymbol, request);
  if (status == kExitOk) print_result(request.out, options.json);
  return status;
}

}  // namespace ergon::app
