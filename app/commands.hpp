#pragma once

#include <string>
#include <vector>

#include "fit_flow_request.hpp"
#include "sample_request.hpp"

/// The subcommands. Each takes its arguments (without its name), prints its result on stdout and
/// returns the exit status; each throws InvalidInput for what the person got wrong.
namespace ergon::app {

struct Command {
  std::string name;
  std::string summary;
  int (*run)(const std::vector<std::string>& arguments);
};

/// All of them, in the order of `ergon --help`.
const std::vector<Command>& all_commands();

int run_sample_command(const std::vector<std::string>& arguments);
int run_fit_flow_command(const std::vector<std::string>& arguments);
int run_targets_command(const std::vector<std::string>& arguments);
int run_samplers_command(const std::vector<std::string>& arguments);
int run_study_command(const std::vector<std::string>& arguments);
int run_bench_command(const std::vector<std::string>& arguments);
int run_rl_command(const std::vector<std::string>& arguments);
int run_envs_command(const std::vector<std::string>& arguments);

/// The settings that `ergon sample` would run with for these arguments, checked as far as that is
/// possible without tensors.
RunSettings sample_settings(const std::vector<std::string>& arguments);
/// Those of `ergon fit-flow`, likewise.
FitFlowSettings fit_flow_settings(const std::vector<std::string>& arguments);

}  // namespace ergon::app
