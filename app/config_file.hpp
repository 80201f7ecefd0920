#pragma once

#include <string>
#include <vector>

namespace ergon::app {

/// One `key = value` of a configuration file; an array is one word with commas.
struct ConfigEntry {
  std::string key;
  std::string word;
  std::string place;  ///< "file.toml, line 3", for messages
};

/// Reads the part of TOML that options need: `key = value` with strings, numbers, true/false and
/// (multi-line) arrays of them, comments, and at most one table header, `[command]`. Strict: what
/// it does not understand it refuses. Throws InvalidInput (path, line, what was expected), also for
/// a key given twice.
std::vector<ConfigEntry> read_config(const std::string& path, const std::string& command);

}  // namespace ergon::app
