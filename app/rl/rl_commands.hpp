#pragma once

#include <string>
#include <vector>

#include "rl/train_request.hpp"

/// The subcommands of `ergon rl`; as those of commands.hpp.
namespace ergon::app {

int run_rl_train(const std::vector<std::string>& arguments);
int run_rl_render(const std::vector<std::string>& arguments);
int run_rl_eval(const std::vector<std::string>& arguments);
int run_rl_compare(const std::vector<std::string>& arguments);
int run_rl_export(const std::vector<std::string>& arguments);

/// The settings that `ergon rl train` would run with for these arguments, checked as far as that is
/// possible without the environment.
TrainSettings train_settings(const std::vector<std::string>& arguments);

}  // namespace ergon::app
