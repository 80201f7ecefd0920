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

/// A table of a configuration file: [sample], [targets.funnel], [overrides."funnel/hmc"].
struct ConfigTable {
  std::vector<std::string> name;  ///< its parts; none for what stands before the first header
  std::string place;
  std::vector<ConfigEntry> entries;
};

/// Reads the part of TOML that tables of options need: see read_config, with any number of tables.
/// The first one is that without a name. Throws InvalidInput, also for a table given twice.
std::vector<ConfigTable> read_config_tables(const std::string& path);

/// Reads the part of TOML that options need: `key = value` with strings, numbers, true/false and
/// (multi-line) arrays of them, comments, and at most one table header, `[command]` (`[rl.train]`
/// for the command "rl train"). Strict: what it does not understand it refuses. Throws InvalidInput
/// (path, line, what was expected), also for a key given twice.
std::vector<ConfigEntry> read_config(const std::string& path, const std::string& command);
/// The same from a text; `name` stands for the path in messages.
std::vector<ConfigEntry> parse_config(const std::string& text,
                                      const std::string& name,
                                      const std::string& command);

}  // namespace ergon::app
