#include <cstdio>

#include "commands.hpp"
#include "ergon/core/errors.hpp"
#include "rl/rl_commands.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

const std::vector<Command>& rl_commands() {
  static const std::vector<Command> commands = {
      {"train", "train an agent in an environment", run_rl_train},
      {"eval", "judge agents by episodes: means, intervals, lengths", run_rl_eval},
      {"compare", "learning curves of runs beside each other and published ones", run_rl_compare},
      {"export", "write an agent as TorchScript, ONNX or safetensors", run_rl_export},
      {"render", "draw an agent's episodes, or an untrained look", run_rl_render},
  };
  return commands;
}

void print_help() {
  fmt::print(
      "Usage: ergon rl COMMAND [options]\n\nReinforcement learning: soft actor-critic in the "
      "environments of 'ergon envs'.\n\nCommands\n");
  for (const auto& command : rl_commands())
    fmt::print("  {:<16}{}\n", command.name, command.summary);
  fmt::print("\n  {:<16}{}\n\nExamples\n  ergon rl train Pendulum-v1\n", "--help",
             "print this page; 'ergon rl COMMAND --help' prints a command's");
}

}  // namespace

int run_rl_command(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    print_help();
    return arguments.empty() ? kExitInvalidInput : kExitOk;
  }
  std::vector<std::string> names;
  for (const auto& command : rl_commands()) {
    if (command.name == arguments[0]) return command.run({arguments.begin() + 1, arguments.end()});
    names.push_back(command.name);
  }
  fail("unknown command 'rl {}'{}; choose one of: {}", arguments[0],
       did_you_mean(arguments[0], names), join(names));
}

}  // namespace ergon::app
