#pragma once

#include <string>
#include <vector>

#include "command_line.hpp"
#include "rl/train_request.hpp"

/// `ergon rl train` from its words to a request.
namespace ergon::app {

/// What the command line decides beside the request.
struct TrainOptions {
  TrainRequest request;
  std::string config;
  std::string resume;
  std::string seeds;  ///< "0-4", or empty: one run
  int jobs = 1;
  bool json = false;
  bool no_figures = false;
};

/// The options of the command; they set those of `options`, which must outlive the shape.
CommandShape train_shape(TrainOptions& options);

/// What was typed, and what --config says beside it.
Words train_words(const std::vector<std::string>& arguments);

/// The settings from which the words start: environment and preset.
void set_train_starting_point(const Words& words, TrainSettings& settings);

/// The words over their starting point, checked as far as that is possible without the environment.
/// Throws InvalidInput.
TrainOptions to_train_options(const Words& words);

/// One process for each of options.seeds, in folders of their own, then a summary over seeds.
/// Returns the exit status.
int run_train_seeds(const TrainOptions& options, const Words& words);

}  // namespace ergon::app
