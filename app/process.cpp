#include "process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <map>
#include <system_error>
#include <thread>

#include "ergon/core/errors.hpp"
#include "ergon/core/interrupt.hpp"

namespace ergon::app {
namespace {

constexpr int kCannotStart = 127;
constexpr auto kPollInterval = std::chrono::milliseconds(50);

/// In the child, between fork and exec: only what is safe there.
[[noreturn]] void become(char* const* arguments, const char* log) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int file = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0) {
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
  }
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  execv("/proc/self/exe", arguments);
  _exit(kCannotStart);
}

pid_t start(const Job& job) {
  std::vector<std::string> words = {"ergon"};
  words.insert(words.end(), job.arguments.begin(), job.arguments.end());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) become(arguments.data(), job.log.c_str());
  require(child > 0, "cannot start a process: {}", std::generic_category().message(errno));
  return child;
}

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool run_jobs(const std::vector<Job>& jobs,
              int parallel,
              const std::function<void(const JobEnd&)>& ended,
              const std::function<void()>& waited) {
  std::map<pid_t, std::size_t> running;
  std::size_t next = 0;
  bool told = false;
  while (!running.empty() || (next < jobs.size() && !interrupt_requested())) {
    while (next < jobs.size() && running.size() < static_cast<std::size_t>(parallel) &&
           !interrupt_requested()) {
      running[start(jobs[next])] = next;
      ++next;
    }
    if (interrupt_requested() && !told) {
      for (const auto& [child, job] : running) kill(child, SIGINT);
      told = true;
    }
    for (auto entry = running.begin(); entry != running.end();) {
      int status = 0;
      if (waitpid(entry->first, &status, WNOHANG) == entry->first) {
        ended({entry->second, exit_status(status)});
        entry = running.erase(entry);
      } else {
        ++entry;
      }
    }
    if (running.empty()) continue;
    if (waited) waited();
    std::this_thread::sleep_for(kPollInterval);
  }
  return !interrupt_requested();
}

}  // namespace ergon::app
