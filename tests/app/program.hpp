#pragma once

#include <sys/types.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// Runs the built program as a person would: a process of its own, in a folder of its own.
namespace ergon::testing {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

struct Outcome {
  int status = 0;  ///< 128 + signal number when a signal ended it
  std::string out;
  std::string err;
};

/// A folder under the system's temporary one, removed at the end.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const std::string& folder() const { return folder_; }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const;
  bool has(const std::string& name) const;
  Json json(const std::string& name) const { return Json::parse(read(name)); }
  /// Names in the folder, sorted.
  Words list(const std::string& name = "") const;

  /// Runs `ergon words…` here to its end. `largest_file`: limit in bytes on what it may write, 0
  /// for none.
  Outcome run(const Words& words, std::size_t largest_file = 0) const;

 private:
  std::string folder_;
};

/// A running program.
class Running {
 public:
  Running(const Workspace& workspace, const Words& words, std::size_t largest_file = 0);
  ~Running();  ///< ends it when it still runs
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void send(int signal_number) const;
  Outcome wait();
  /// Waits until the file was replaced `times` times, at most a minute. False when the program
  /// ended first.
  bool wait_for_versions(const std::string& path, int times);

 private:
  bool ended();
  pid_t child_ = -1;
  bool reaped_ = false;
  int status_ = 0;
  std::string out_file_, err_file_;
};

}  // namespace ergon::testing
