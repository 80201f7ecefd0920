#pragma once

#include <map>
#include <string>
#include <vector>

#include "config_file.hpp"
#include "field.hpp"

namespace ergon::app {

/// What was typed: option name (without dashes) to word, the last one where an option is repeated;
/// the positional under its name.
using Words = std::map<std::string, std::string>;

/// The shape of a subcommand: enough to parse its arguments and to print its help.
struct CommandShape {
  std::string name;         ///< "sample"
  std::string summary;      ///< one line, for `ergon --help`
  std::string description;  ///< a paragraph, for its own help
  std::string positional;   ///< "TARGET", or empty for none
  std::string positional_help;
  std::vector<Field> fields;  ///< in the order of the help; every command also has --help
  std::string examples;       ///< lines for the end of the help
};

/// Arguments to words. Throws InvalidInput naming an unknown option with the nearest one, a missing
/// value, a stray word. "help" is among the words when --help or -h was given.
Words parse_words(const CommandShape& shape, const std::vector<std::string>& arguments);

/// Adds the entries of a TOML file for which there is no word yet; keys are option names (the
/// positional under its lower-case name). Sets the fields on the way. Throws InvalidInput: see
/// read_config; an unknown key, with the nearest ones; a value its option cannot take.
void add_config_words(const CommandShape& shape, const std::string& path, Words& words);

/// The same for entries that were read already.
void add_words(const CommandShape& shape, const std::vector<ConfigEntry>& entries, Words& words);

/// Sets every field that has a word.
void apply_words(const CommandShape& shape, const Words& words);

/// Throws InvalidInput unless all that was typed may stand beside --resume: the interrupted run has
/// its settings. `positional`: the key of the positional.
void require_resume_words(const Words& words, const std::string& positional);

/// The help page.
std::string help_text(const CommandShape& shape);

/// Text broken into lines of at most `width` characters, each but the first indented.
std::string wrap(const std::string& text, std::size_t width, std::size_t indent);

}  // namespace ergon::app
