#include "studies/statistics.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ergon::app {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::string csv_cell(const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  const auto text = value.get<std::string>();
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return values.empty() ? kNone : sum / static_cast<double>(values.size());
}

double standard_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return kNone;
  const double centre = mean(values);
  double squares = 0.0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double standard_error(const std::vector<double>& values) {
  return standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

double largest(const std::vector<double>& values) {
  return values.empty() ? kNone : *std::max_element(values.begin(), values.end());
}

double binomial_error(double share, std::size_t trials) {
  return trials == 0 ? kNone : std::sqrt(share * (1 - share) / static_cast<double>(trials));
}

double number_of(const Json& json) { return json.is_number() ? json.get<double>() : kNone; }

double number_at(const Json& result, const std::string& pointer) {
  const Json::json_pointer place(pointer);
  return result.contains(place) ? number_of(result.at(place)) : kNone;
}

std::vector<double> numbers_at(const CellGroup& group, const std::string& pointer) {
  std::vector<double> values;
  for (const CellResult& cell : group) {
    const double value = number_at(cell.result, pointer);
    if (std::isfinite(value)) values.push_back(value);
  }
  return values;
}

CellGroup finished_of(const CellGroup& group) {
  CellGroup finished;
  for (const CellResult& cell : group) {
    if (!cell.result.is_null()) finished.push_back(cell);
  }
  return finished;
}

bool warned(const Json& result, const std::string& words) {
  for (const Json& warning : result.at("warnings")) {
    if (warning.get<std::string>().find(words) != std::string::npos) return true;
  }
  return false;
}

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string fixed(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : "-";
}

std::string with_sign(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:+.{}f}", value, decimals) : "-";
}

std::string with_error(double value, double standard_error, int decimals) {
  const std::string text = fixed(value, decimals);
  if (!std::isfinite(standard_error)) return text;
  return fmt::format("{} ± {}", text, fixed(standard_error, decimals));
}

std::string markdown_table(const std::vector<std::string>& headings,
                           const std::vector<std::vector<std::string>>& lines) {
  std::string text = fmt::format("| {} |\n|---|", fmt::join(headings, " | "));
  for (std::size_t i = 1; i < headings.size(); ++i) text += "---:|";
  text += "\n";
  for (const auto& line : lines) text += fmt::format("| {} |\n", fmt::join(line, " | "));
  return text;
}

std::string csv_of(const Json& rows) {
  std::vector<std::string> columns;
  for (const Json& row : rows) {
    for (const auto& entry : row.items()) {
      if (std::find(columns.begin(), columns.end(), entry.key()) == columns.end())
        columns.push_back(entry.key());
    }
  }
  std::string text = fmt::format("{}\n", fmt::join(columns, ","));
  for (const Json& row : rows) {
    std::vector<std::string> cells;
    for (const auto& column : columns)
      cells.push_back(row.contains(column) ? csv_cell(row.at(column)) : "");
    text += fmt::format("{}\n", fmt::join(cells, ","));
  }
  return text;
}

}  // namespace ergon::app
