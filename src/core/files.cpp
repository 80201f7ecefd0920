#include "ergon/core/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

/// An open file that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  /// Closes now; 0 or errno (a network file system reports a full disk here).
  int close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0 ? 0 : errno;
  }

 private:
  int fd_;
};

/// Removes a file unless told that it has served its purpose.
class Cleanup {
 public:
  explicit Cleanup(std::string path) : path_(std::move(path)) {}
  ~Cleanup() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Cleanup(const Cleanup&) = delete;
  Cleanup& operator=(const Cleanup&) = delete;
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

/// 0 or errno.
int write_all(int fd, std::string_view bytes) {
  constexpr std::size_t kLargestWrite = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

int write_all(int fd, const std::vector<std::string_view>& pieces) {
  for (const std::string_view piece : pieces) {
    if (const int error = write_all(fd, piece)) return error;
  }
  return 0;
}

/// A name in the folder of `path` that no other writer of this machine uses.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> count{0};
  return fmt::format("{}.tmp-{}-{}", path, ::getpid(), count++);
}

int create_new(const std::string& path) {
  return ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
}

/// Makes a rename in this folder survive a power cut. Best effort: some file systems cannot.
void flush_folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() >= 0) ::fsync(fd.get());
}

void write_device(const std::string& path, const std::vector<std::string_view>& pieces) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  require(fd.get() >= 0, "cannot write '{}': {}", path, reason(errno));
  int error = write_all(fd.get(), pieces);
  if (error == 0) error = fd.close();
  require(error == 0, "cannot write '{}': {}", path, reason(error));
}

}  // namespace

std::string read_file(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(fd.get() >= 0, "cannot read '{}': {}", path, reason(errno));
  struct stat status {};
  std::string bytes;
  if (::fstat(fd.get(), &status) == 0 && status.st_size > 0) {
    bytes.reserve(static_cast<std::size_t>(status.st_size));
  }
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    require(count >= 0, "cannot read '{}': {}", path, reason(errno));
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(count));
  }
}

void write_file(const std::string& path, std::string_view bytes) {
  write_file(path, std::vector<std::string_view>{bytes});
}

void write_file(const std::string& path, const std::vector<std::string_view>& pieces) {
  require(!path.empty(), "cannot write a file without a name: give a path");
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    require(!S_ISDIR(status.st_mode), "cannot write '{}': it is a folder; give a file name", path);
    return write_device(path, pieces);
  }
  const std::string temporary = temporary_name(path);
  Descriptor fd(create_new(temporary));
  require(fd.get() >= 0, "cannot write '{}': {}", path, reason(errno));
  Cleanup cleanup(temporary);
  int error = write_all(fd.get(), pieces);
  if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
  if (const int close_error = fd.close(); error == 0) error = close_error;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  require(error == 0, "cannot write '{}': {}", path, reason(error));
  cleanup.keep();
  flush_folder(path);
}

void make_folder(const std::string& path) {
  require(!path.empty(), "cannot make a folder without a name: give a path");
  std::error_code error;
  std::filesystem::create_directories(path, error);
  require(!error, "cannot make the folder '{}': {}", path, error.message());
  require(std::filesystem::is_directory(path, error),
          "cannot make the folder '{}': a file of that name is in the way", path);
}

void require_writable_folder(const std::string& path) {
  make_folder(path);
  const std::string probe = temporary_name((std::filesystem::path(path) / "write_check").string());
  Descriptor fd(create_new(probe));
  require(fd.get() >= 0, "cannot write into the folder '{}': {}", path, reason(errno));
  const Cleanup cleanup(probe);
  int error = write_all(fd.get(), "a few bytes, to find a full disk");
  if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
  if (const int close_error = fd.close(); error == 0) error = close_error;
  require(error == 0, "cannot write into the folder '{}': {}", path, reason(error));
}

bool file_exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace ergon
