#include "run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "sample_request.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

constexpr int kMostNumberedFolders = 10000;

/// "flow-12": the flow of another set than the first.
bool is_flow_of_set(const std::string& stem) {
  constexpr std::size_t kPrefix = 5;
  return stem.rfind("flow-", 0) == 0 && stem.size() > kPrefix &&
         std::all_of(stem.begin() + kPrefix, stem.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// Whether a run writes files of this name.
bool is_ours(const std::string& name) {
  static const std::vector<std::string> names = {"result.json",        "samples.npz",
                                                 "draws.npz",          "chains.npz",
                                                 "flow.npz",           "trace.csv",
                                                 "fit_trace.csv",      "fit.npz",
                                                 "fit.json",           "flow.pt",
                                                 "report.html",        "checkpoint",
                                                 "episodes.csv",       "updates.csv",
                                                 "evaluations.csv",    "evaluation_returns.csv",
                                                 "agent.safetensors",  "best-agent.safetensors",
                                                 "learning_curve.svg", "render.json",
                                                 "compare.json",       "curves.svg",
                                                 "returns.csv",        "policy.pt",
                                                 "policy.onnx",        "policy.safetensors",
                                                 "episode.csv",        "strip.png",
                                                 "animation.png",      "trajectories.png"};
  if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  if (name.rfind("events.out.tfevents.", 0) == 0) return true;
  const std::string stem = fs::path(name).stem().string();
  const std::string extension = fs::path(name).extension().string();
  const bool picture = extension == ".svg" || extension == ".png" || extension == ".gif";
  if (extension == ".npz") return is_flow_of_set(stem);
  static const std::vector<std::string> pictures = {
      "particles", "draws", "trace", "fit", "flow", "target", "training", "images", "data"};
  return picture && std::find(pictures.begin(), pictures.end(), stem) != pictures.end();
}

std::vector<fs::path> files_of_ours(const std::string& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_ours(entry.path().filename().string())) files.push_back(entry.path());
  }
  return files;
}

/// A process that was killed before its first checkpoint was whole has nothing to lose.
bool holds_a_run(const std::string& folder) {
  const std::vector<fs::path> files = files_of_ours(folder);
  return std::any_of(files.begin(), files.end(), [&](const fs::path& file) {
    return file.filename() != "checkpoint" || file_exists(checkpoint_options_path(folder));
  });
}

bool is_free(const std::string& path) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return true;
  return fs::is_directory(path, error) && fs::is_empty(path, error);
}

std::string first_free(const std::string& path) {
  if (is_free(path)) return path;
  for (int number = 2; number < kMostNumberedFolders; ++number) {
    const std::string candidate = fmt::format("{}-{}", path, number);
    if (is_free(candidate)) return candidate;
  }
  fail("{}-2 to {}-{} are all taken; choose a folder with --out", path, path, kMostNumberedFolders);
}

}  // namespace

RunFolder::RunFolder(const std::string& explicit_path,
                     const std::string& default_path,
                     bool overwrite)
    : path_(explicit_path.empty() ? first_free(default_path) : explicit_path) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  if (!overwrite && file_exists(checkpoint_options_path(path_))) {
    fail(
        "{} holds an interrupted run; continue it with --resume {}, replace it with --overwrite, "
        "or choose another --out",
        path_, path_);
  }
  require(overwrite || !holds_a_run(path_),
          "{} holds an earlier run; replace it with --overwrite, or choose another --out", path_);
  std::error_code error;
  for (fs::path part = path_; !part.empty() && !fs::exists(part, error);
       part = part.parent_path()) {
    created_.insert(created_.begin(), part.string());
  }
  try {
    require_writable_folder(path_);
  } catch (...) {
    for (auto part = created_.rbegin(); part != created_.rend(); ++part) fs::remove(*part, error);
    throw;
  }
}

RunFolder RunFolder::existing(const std::string& path) {
  RunFolder folder;
  folder.path_ = path;
  while (folder.path_.size() > 1 && folder.path_.back() == '/') folder.path_.pop_back();
  require_writable_folder(folder.path_);
  return folder;
}

FolderLock::FolderLock(const std::string& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const bool held = errno == EWOULDBLOCK;
  ::close(descriptor_);
  descriptor_ = -1;
  require(!held,
          "{} is being written by another process of ergon; wait for its end, or choose another "
          "--out",
          folder);
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), created_(std::exchange(other.created_, {})) {}

RunFolder::~RunFolder() {
  std::error_code error;  // a folder that is not empty stays
  for (auto part = created_.rbegin(); part != created_.rend(); ++part) fs::remove(*part, error);
}

void RunFolder::clear() const {
  std::error_code error;
  for (const auto& file : files_of_ours(path_)) fs::remove_all(file, error);
}

void remove_checkpoint(const std::string& folder) {
  std::error_code error;
  fs::remove_all(checkpoint_folder(folder), error);
}

}  // namespace ergon::app
