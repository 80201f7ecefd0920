#pragma once

#include <string>
#include <vector>

namespace ergon::app {

/// The folder a run writes into. Nothing of an earlier run is lost silently: an explicit folder
/// that holds one is refused unless it may be overwritten; a default folder that is taken gets a
/// number, -2, -3, ….
class RunFolder {
 public:
  /// Claims the folder: `explicit_path`, or when empty the first free one of `default_path`,
  /// default_path-2, … Creates it and checks that files can be written. Throws InvalidInput: it
  /// holds a run, or cannot be written.
  RunFolder(const std::string& explicit_path, const std::string& default_path, bool overwrite);
  /// An interrupted run's folder, to be continued.
  static RunFolder existing(const std::string& path);
  /// Removes the folders it created unless `keep` was called: a run that never began leaves
  /// nothing.
  ~RunFolder();
  RunFolder(RunFolder&& other) noexcept;
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::string& path() const { return path_; }
  /// Removes the files of an earlier run.
  void clear() const;
  /// The run has begun: the folder stays.
  void keep() { created_.clear(); }

 private:
  RunFolder() = default;
  std::string path_;
  std::vector<std::string> created_;  ///< outermost first
};

/// Holds a run's folder for this process while it lives; the system lets go of it however the
/// process ends. Where a file system knows no locks there is none.
class FolderLock {
 public:
  /// Throws InvalidInput when another process holds the folder.
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// Removes the checkpoint of a finished run.
void remove_checkpoint(const std::string& folder);

}  // namespace ergon::app
