#include "ergon/core/csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string_view>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"

namespace ergon {
namespace {

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// The number a field spells (NaN and infinities included), or nothing.
std::optional<double> parse_number(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  // Beyond the range of a double: strtod gives infinity or zero, from_chars leaves the value alone.
  if (error == std::errc::result_out_of_range) {
    return std::strtod(std::string(text).c_str(), nullptr);
  }
  return error == std::errc() ? std::optional<double>(value) : std::nullopt;
}

/// One line of the file that holds data.
struct Line {
  std::size_t number;  ///< 1-based
  std::string_view text;
};

std::vector<Line> data_lines(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  std::vector<Line> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::string_view content = trim(line);
    if (!content.empty() && content.front() != '#') lines.push_back({number, line});
  }
  return lines;
}

/// The first comma, semicolon or tab outside quotes; a comma when there is none.
char find_separator(const std::vector<Line>& lines) {
  for (const Line& line : lines) {
    bool quoted = false;
    for (const char c : line.text) {
      if (c == '"') quoted = !quoted;
      if (!quoted && (c == ',' || c == ';' || c == '\t')) return c;
    }
  }
  return ',';
}

/// Splits a line; quotes are taken off and a doubled quote inside them becomes one.
std::vector<std::string> split(const std::string& path, const Line& line, char separator) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  bool was_quoted = false;
  const auto finish_field = [&] {
    if (!was_quoted) fields.back() = std::string(trim(fields.back()));
    was_quoted = false;
  };
  for (std::size_t i = 0; i < line.text.size(); ++i) {
    const char c = line.text[i];
    if (c == '"' && quoted && i + 1 < line.text.size() && line.text[i + 1] == '"') {
      fields.back() += line.text[++i];
    } else if (c == '"') {
      quoted = !quoted;
      if (quoted && trim(fields.back()).empty()) fields.back().clear();
      was_quoted = true;
    } else if (c == separator && !quoted) {
      finish_field();
      fields.emplace_back();
    } else if (quoted || !was_quoted || (c != ' ' && c != '\r')) {
      fields.back() += c;
    }
  }
  require(!quoted, "{}, line {}: a quote is opened and not closed", path, line.number);
  finish_field();
  return fields;
}

bool is_header(const std::vector<std::string>& fields) {
  return !std::all_of(fields.begin(), fields.end(),
                      [](const std::string& field) { return parse_number(field).has_value(); });
}

std::string quote_name(const std::string& name) {
  if (name.find_first_of(",\"\n\r;\t#") == std::string::npos) return name;
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

/// Adds the numbers of one line to the table.
void append_row(CsvTable& table, const Line& line, const std::vector<std::string>& fields) {
  require(fields.size() == table.cols,
          "{}, line {}: {} field{} where the first line has {}; give every line the same number",
          table.path, line.number, fields.size(), fields.size() == 1 ? "" : "s", table.cols);
  for (std::size_t col = 0; col < table.cols; ++col) {
    const std::string& field = fields[col];
    const auto place = [&] {
      return fmt::format("{}, line {}, column {} ('{}')", table.path, line.number, col + 1,
                         table.columns[col]);
    };
    const std::optional<double> value = parse_number(field);
    if (field.empty()) fail("{}: the field is empty; give a number or drop the line", place());
    if (!value) fail("{}: '{}' is not a number", place(), field);
    if (!std::isfinite(*value)) {
      fail("{}: '{}' is not a finite number; give a number or drop the line", place(), field);
    }
    table.values.push_back(*value);
  }
  ++table.rows;
}

}  // namespace

std::size_t CsvTable::column(const std::string& name_or_number) const {
  const auto names = [this] {
    std::string text;
    for (const std::string& name : columns) text += (text.empty() ? "" : ", ") + name;
    return text;
  };
  const auto matches = std::count(columns.begin(), columns.end(), name_or_number);
  require(matches < 2, "{}: {} columns are called '{}'; give the column's number (1 to {})", path,
          matches, name_or_number, cols);
  if (matches == 1) {
    const auto found = std::find(columns.begin(), columns.end(), name_or_number);
    return static_cast<std::size_t>(found - columns.begin());
  }
  std::int64_t number = 0;
  const char* end = name_or_number.data() + name_or_number.size();
  const auto parsed = std::from_chars(name_or_number.data(), end, number);
  const auto count = static_cast<std::int64_t>(cols);
  if (parsed.ec == std::errc() && parsed.ptr == end) {
    if (number >= 1 && number <= count) return static_cast<std::size_t>(number - 1);
    if (number <= -1 && number >= -count) return static_cast<std::size_t>(count + number);
  }
  fail(
      "{}: there is no column '{}'; its columns are: {} (or a number from 1 to {}, or from -1, the "
      "last, to -{})",
      path, name_or_number, names(), cols, cols);
}

CsvTable read_csv(const std::string& path) {
  const std::string text = read_file(path);
  const std::vector<Line> lines = data_lines(text);
  require(!lines.empty(), "{}: the file holds no data; expected lines of numbers", path);
  const char separator = find_separator(lines);
  CsvTable table;
  table.path = path;
  const std::vector<std::string> first = split(path, lines.front(), separator);
  table.cols = first.size();
  const bool header = is_header(first);
  for (std::size_t col = 0; col < table.cols; ++col) {
    table.columns.push_back(header ? first[col] : std::to_string(col + 1));
  }
  require(!header || lines.size() > 1, "{}: there is a header but no line of numbers below it",
          path);
  for (std::size_t i = header ? 1 : 0; i < lines.size(); ++i) {
    append_row(table, lines[i], split(path, lines[i], separator));
  }
  return table;
}

std::string to_csv(const std::vector<std::string>& columns,
                   const std::vector<std::vector<double>>& rows) {
  std::string text;
  for (std::size_t col = 0; col < columns.size(); ++col) {
    text += (col == 0 ? "" : ",") + quote_name(columns[col]);
  }
  text += '\n';
  for (std::size_t row = 0; row < rows.size(); ++row) {
    require(rows[row].size() == columns.size(),
            "CSV row {} has {} numbers where there are {} columns", row + 1, rows[row].size(),
            columns.size());
    for (std::size_t col = 0; col < columns.size(); ++col) {
      if (col > 0) text += ',';
      const double value = rows[row][col];
      if (!std::isnan(value)) fmt::format_to(std::back_inserter(text), "{:.17g}", value);
    }
    text += '\n';
  }
  return text;
}

}  // namespace ergon
