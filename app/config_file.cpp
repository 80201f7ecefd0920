#include "config_file.hpp"

#include <algorithm>
#include <cctype>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

bool is_key_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

bool is_bare_character(char c) { return is_key_character(c) || c == '+' || c == '.'; }

/// A cursor over the text that knows its line.
class TomlReader {
 public:
  TomlReader(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}

  std::vector<ConfigTable> read() {
    tables_.push_back({{}, place(), {}});
    for (skip_blank_lines(); !at_end(); skip_blank_lines()) {
      if (peek() == '[') {
        read_table_header();
      } else {
        read_entry();
      }
      expect_end_of_line();
    }
    return tables_;
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
    ConfigTable table{{}, place(), {}};
    do {
      next();
      table.name.push_back(read_key());
      require(!table.name.back().empty(), "{}: expected a name in the table's header", table.place);
    } while (peek() == '.');
    require(peek() == ']', "{}: the table's header is not closed by ']'", table.place);
    next();
    for (const auto& other : tables_) {
      require(other.name != table.name, "{}: the table [{}] is given a second time", table.place,
              join(table.name, "."));
    }
    tables_.push_back(std::move(table));
  }

  std::string read_key() {
    if (peek() == '"' || peek() == '\'') return read_string();
    std::string key;
    while (is_key_character(peek())) key += next();
    return key;
  }

  void read_entry() {
    const std::string where = place();
    const std::string key = read_key();
    skip_spaces();
    require(!key.empty() && peek() == '=', "{}: expected key = value", where);
    next();
    skip_spaces();
    auto& entries = tables_.back().entries;
    for (const auto& entry : entries) {
      require(entry.key != key, "{}: '{}' is given a second time", where, key);
    }
    entries.push_back({key, peek() == '[' ? read_array() : read_scalar(), where});
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
  std::string text_;
  std::size_t position_ = 0;
  int line_ = 1;
  std::vector<ConfigTable> tables_;
};

}  // namespace

std::vector<ConfigTable> read_config_tables(const std::string& path) {
  return TomlReader(path, read_file(path)).read();
}

std::vector<ConfigEntry> parse_config(const std::string& text,
                                      const std::string& name,
                                      const std::string& command) {
  std::string header = command;
  std::replace(header.begin(), header.end(), ' ', '.');
  std::vector<ConfigEntry> entries;
  for (const ConfigTable& table : TomlReader(name, text).read()) {
    require(table.name.empty() || join(table.name, ".") == header,
            "{}: the only table this command reads is [{}]", table.place, header);
    for (const ConfigEntry& entry : table.entries) {
      for (const auto& other : entries) {
        require(other.key != entry.key, "{}: '{}' is given a second time", entry.place, entry.key);
      }
      entries.push_back(entry);
    }
  }
  return entries;
}

std::vector<ConfigEntry> read_config(const std::string& path, const std::string& command) {
  return parse_config(read_file(path), path, command);
}

}  // namespace ergon::app
