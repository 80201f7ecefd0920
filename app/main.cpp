#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>

#include "command_line.hpp"
#include "commands.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/machine.hpp"
#include "suggest.hpp"

namespace ergon::app {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = {
      {"sample", "particles, their density, log Z and entropy of a target", run_sample_command},
      {"fit-flow", "train a normalizing flow on a target, on points, or on both",
       run_fit_flow_command},
      {"targets", "list the targets, or describe one", run_targets_command},
      {"samplers", "list the samplers, or describe one", run_samplers_command},
      {"study", "compute a table of docs/studies, or list them", run_study_command},
      {"bench", "compare samplers at equal budgets of evaluations", run_bench_command},
      {"envs", "list the environments of rl, or describe one", run_envs_command},
      {"rl", "reinforcement learning: train agents and judge them", run_rl_command},
  };
  return commands;
}

namespace {

void print_help() {
  fmt::print(
      "Usage: ergon COMMAND [options]\n\nErgon {}: energy-based models. Give it a function "
      "proportional to a density.\n\n"
      "Commands\n",
      ergon_version());
  for (const auto& command : all_commands())
    fmt::print("  {:<16}{}\n", command.name, command.summary);
  fmt::print("\n  {:<16}{}\n  {:<16}{}\n\nTry 'ergon sample gaussian-worked --fit 100'.\n",
             "--version", "print the version", "--help",
             "print this page; 'ergon COMMAND --help' prints a command's");
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
      arguments[0] == "help") {
    print_help();
    return arguments.empty() ? kExitInvalidInput : kExitOk;
  }
  if (arguments[0] == "--version") {
    fmt::print("ergon {}\n", ergon_version());
    return kExitOk;
  }
  std::vector<std::string> names;
  for (const auto& command : all_commands()) {
    if (command.name == arguments[0]) return command.run({arguments.begin() + 1, arguments.end()});
    names.push_back(command.name);
  }
  fail("unknown command '{}'{}; choose one of: {}", arguments[0], did_you_mean(arguments[0], names),
       join(names));
}

/// Without exceptions, also when standard error is full.
int refuse(int status, const std::string& message) {
  std::fputs(("ergon: " + message + "\n").c_str(), stderr);
  return status;
}

/// What was printed is only printed once it has left this process.
int flushed(int status) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  const std::string reason = errno == 0 ? "" : ": " + std::generic_category().message(errno);
  fail("standard output cannot be written{}; files that were announced are complete", reason);
}

}  // namespace
}  // namespace ergon::app

int main(int argc, char** argv) {
  // A file that would outgrow the limit of the shell is then an error of write(), which is
  // reported, and not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return ergon::app::flushed(ergon::app::dispatch({argv + 1, argv + argc}));
  } catch (const ergon::InvalidInput& error) {
    return ergon::app::refuse(ergon::kExitInvalidInput, error.what());
  } catch (const std::system_error& error) {  // of a print
    return ergon::app::refuse(ergon::kExitInvalidInput,
                              "standard output cannot be written: " + error.code().message());
  } catch (const std::exception& error) {
    return ergon::app::refuse(
        ergon::kExitDefect,
        std::string("this is a defect of ours, please report it: ") + error.what());
  }
}
