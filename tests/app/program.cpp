#include "program.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace ergon::testing {
namespace {

namespace fs = std::filesystem;

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void redirect(const std::string& path, int descriptor) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0) dup2(file, descriptor);
}

}  // namespace

Workspace::Workspace() {
  std::string pattern = (fs::temp_directory_path() / "ergon-app-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = pattern;
}

Workspace::~Workspace() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Workspace::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name), std::ios::binary) << text;
}

std::string Workspace::read(const std::string& name) const { return slurp(path(name)); }
bool Workspace::has(const std::string& name) const { return fs::exists(path(name)); }

Words Workspace::list(const std::string& name) const {
  Words names;
  for (const auto& entry : fs::directory_iterator(path(name))) {
    const std::string found = entry.path().filename().string();
    if (found.rfind(".output-", 0) != 0) names.push_back(found);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Outcome Workspace::run(const Words& words, std::size_t largest_file) const {
  return Running(*this, words, largest_file).wait();
}

Running::Running(const Workspace& workspace, const Words& words, std::size_t largest_file) {
  static int count = 0;
  out_file_ = workspace.path(".output-" + std::to_string(++count) + ".out");
  err_file_ = workspace.path(".output-" + std::to_string(count) + ".err");
  std::vector<std::string> arguments = {"ergon"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  child_ = fork();
  if (child_ != 0) return;
  redirect(out_file_, STDOUT_FILENO);
  redirect(err_file_, STDERR_FILENO);
  if (largest_file > 0) {
    const rlimit limit{largest_file, largest_file};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  if (chdir(workspace.folder().c_str()) == 0) execv(ERGON_PROGRAM, pointers.data());
  _exit(127);
}

Running::~Running() {
  if (!ended()) {
    send(SIGKILL);
    waitpid(child_, &status_, 0);
  }
}

bool Running::ended() {
  if (!reaped_) reaped_ = waitpid(child_, &status_, WNOHANG) == child_;
  return reaped_;
}

void Running::send(int signal_number) const { kill(child_, signal_number); }

Outcome Running::wait() {
  if (!reaped_) waitpid(child_, &status_, 0);
  reaped_ = true;
  const int status = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  return {status, slurp(out_file_), slurp(err_file_)};
}

bool Running::wait_for_versions(const std::string& path, int times) {
  // A file is replaced by renaming another one over it: its change time moves.
  std::set<std::pair<long, long>> versions;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (std::chrono::steady_clock::now() < deadline) {
    struct stat information {};
    if (stat(path.c_str(), &information) == 0) {
      versions.emplace(information.st_mtim.tv_sec, information.st_mtim.tv_nsec);
    }
    if (static_cast<int>(versions.size()) >= times) return true;
    if (ended()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace ergon::testing
