#include "ergon/core/machine.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "ergon_version.hpp"

namespace ergon {
namespace {

constexpr const char* kUnknown = "unknown";

/// The value of the first line "key <separator> value" of a file of such lines; quotes and spaces
/// around it are taken off.
std::string find_value(const char* path, const std::string& key, char separator) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t at = line.find(separator);
    if (at == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    if (line.find_first_not_of(" \t", key.size()) != at) continue;
    const std::size_t first = line.find_first_not_of(" \t\"", at + 1);
    const std::size_t last = line.find_last_not_of(" \t\"\r");
    if (first != std::string::npos && last >= first) return line.substr(first, last - first + 1);
  }
  return kUnknown;
}

int usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::string describe_system() {
  const std::string name = find_value("/etc/os-release", "PRETTY_NAME", '=');
  struct utsname kernel {};
  if (::uname(&kernel) != 0) return name;
  return fmt::format("{}, {} {}, {}", name, kernel.sysname, kernel.release, kernel.machine);
}

std::string describe_compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
  return fmt::format("g++ {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
  return kUnknown;
#endif
}

std::string describe_cpu() {
  const std::string model = find_value("/proc/cpuinfo", "model name", ':');
  // Arm kernels give no model name but the implementer's part number.
  return model != kUnknown ? model : find_value("/proc/cpuinfo", "CPU part", ':');
}

double memory_gib() {
  const double pages = static_cast<double>(::sysconf(_SC_PHYS_PAGES));
  const double page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  return pages > 0 && page > 0 ? pages * page / (1024.0 * 1024.0 * 1024.0) : 0.0;
}

}  // namespace

std::string ergon_version() { return kErgonVersion; }

std::string ergon_revision() { return kErgonRevision; }

Machine describe_machine() {
  Machine machine;
  machine.cpu = describe_cpu();
  machine.cores = usable_cores();
  machine.memory_gib = memory_gib();
  machine.system = describe_system();
  machine.compiler = describe_compiler();
  machine.ergon_version = ergon_version();
  machine.ergon_revision = ergon_revision();
  return machine;
}

}  // namespace ergon
