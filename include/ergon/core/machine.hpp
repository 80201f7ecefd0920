#pragma once

#include <string>

namespace ergon {

/// Where and by what a result was made. A text that cannot be found out is "unknown".
struct Machine {
  std::string cpu;             ///< model name
  int cores = 1;               ///< logical cores this process may use
  double memory_gib = 0.0;     ///< main memory; 0: unknown
  std::string system;          ///< e.g. "Debian GNU/Linux 12 (bookworm), Linux 6.1.0, x86_64"
  std::string compiler;        ///< e.g. "clang 14.0.6"
  std::string ergon_version;   ///< e.g. "0.1.0"
  std::string ergon_revision;  ///< the source's git revision, "-dirty" when files differed from it;
                               ///< "unknown" outside git
};

/// The machine this process runs on.
Machine describe_machine();

/// Version and revision on their own, which ask nothing of the machine.
std::string ergon_version();
std::string ergon_revision();

}  // namespace ergon
