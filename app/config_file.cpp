#include "config_file.hpp"

#include <algorithm>
#include <cctype>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"

namespace ergon::app {
namespace {

bool is_key_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

bool is_bare_character(char c) { return is_key_character(c) || c == '+' || c == '.'; }

/// A cursor over the text that knows its line.
class TomlReader {
 public:
  TomlReader(std::string path, std::string command, std::string text)
      : path_(std::move(path)), command_(std::move(command)), text_(std::move(text)) {}

  std::vector<ConfigEntry> read() {
    for (skip_blank_lines(); !at_end(); skip_blank_lines()) {
      if (peek() == '[') {
        read_table_header();
      } else {
        read_entry();
      }
      expect_end_of_line();
    }
    return entries_;
  }

 private:
  bool at_end() const { return position_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  char next() {
    const char c = peek();
    if (c == '\n') ++line_;
    ++position_;
    return c;
  }
  std::string place() const { return fmt::format("{}, line {}", path_, line_); }

  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\r') next();
  }
  void skip_comment() {
    if (peek() != '#') return;
    while (!at_end() && peek() != '\n') next();
  }
  void skip_blank_lines() {
    for (skip_spaces(); peek() == '#' || peek() == '\n'; skip_spaces()) {
      skip_comment();
      if (peek() == '\n') next();
    }
  }
  void expect_end_of_line() {
    skip_spaces();
    skip_comment();
    require(at_end() || peek() == '\n', "{}: unexpected '{}' after the value; strings need quotes",
            place(), peek());
  }

  void read_table_header() {
    next();
    std::string name;
    while (is_key_character(peek())) name += next();
    require(peek() == ']' && name == command_, "{}: the only table this command reads is [{}]",
            place(), command_);
    next();
  }

  void read_entry() {
    std::string key;
    const std::string where = place();
    if (peek() == '"' || peek() == '\'') {
      key = read_string();
    } else {
      while (is_key_character(peek())) key += next();
    }
    skip_spaces();
    require(!key.empty() && peek() == '=', "{}: expected key = value", where);
    next();
    skip_spaces();
    for (const auto& entry : entries_) {
      require(entry.key != key, "{}: '{}' is given a second time", where, key);
    }
    entries_.push_back({key, peek() == '[' ? read_array() : read_scalar(), where});
  }

  std::string read_scalar() {
    if (peek() == '"' || peek() == '\'') return read_string();
    std::string word;
    while (is_bare_character(peek())) word += next();
    const bool number = !word.empty() && word.find_first_of("0123456789") != std::string::npos &&
                        word.find_first_not_of("+-.0123456789eE_") == std::string::npos;
    require(number || word == "true" || word == "false",
            "{}: expected a number, true, false, a \"string\" or an [array], found '{}'", place(),
            word.empty() ? std::string(1, peek()) : word);
    word.erase(std::remove(word.begin(), word.end(), '_'), word.end());
    return word;
  }

  std::string read_string() {
    const char quote = next();
    std::string word;
    while (peek() != quote) {
      require(!at_end() && peek() != '\n', "{}: the string is not closed", place());
      char c = next();
      if (c == '\\' && quote == '"') c = read_escape();
      word += c;
    }
    next();
    return word;
  }

  char read_escape() {
    const char c = next();
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    require(c == '"' || c == '\\', "{}: the escape \\{} is not supported here", place(), c);
    return c;
  }

  std::string read_array() {
    const std::string where = place();
    next();
    std::string word;
    for (skip_blank_lines(); peek() != ']'; skip_blank_lines()) {
      require(!at_end(), "{}: the array is not closed by ']'", where);
      if (!word.empty()) word += ',';
      word += read_scalar();
      skip_blank_lines();
      require(!at_end(), "{}: the array is not closed by ']'", where);
      require(peek() == ',' || peek() == ']', "{}: expected ',' or ']' in the array", place());
      if (peek() == ',') next();
    }
    next();
    return word;
  }

  std::string path_;
  std::string command_;
  std::string text_;
  std::size_t position_ = 0;
  int line_ = 1;
  std::vector<ConfigEntry> entries_;
};

}  // namespace

std::vector<ConfigEntry> read_config(const std::string& path, const std::string& command) {
  return TomlReader(path, command, read_file(path)).read();
}

}  // namespace ergon::app
