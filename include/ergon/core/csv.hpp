#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

/// A rectangular table of numbers, row-major, as read from a CSV file.
struct CsvTable {
  std::string path;  ///< where it came from, for messages
  std::vector<std::string>
      columns;                 ///< (cols) header names; "1", "2", … when the file has no header
  std::vector<double> values;  ///< (rows x cols) row-major
  std::size_t rows = 0;
  std::size_t cols = 0;

  double at(std::size_t row, std::size_t col) const { return values[row * cols + col]; }
  /// Index of a column given by name, or by 1-based number; negative numbers count from the end (-1
  /// is the last). Throws InvalidInput that lists the columns.
  std::size_t column(const std::string& name_or_number) const;
};

/// Reads a CSV file of numbers. A first line with a field that is not a number is the header. Blank
/// lines and lines that start with '#' are skipped; separators: comma, semicolon or tab (the first
/// one seen); quotes are allowed. Throws InvalidInput (path, line, column, what was expected) for a
/// missing or empty file, a ragged row, a field that is not a number, and NaN or infinity.
CsvTable read_csv(const std::string& path);

/// The text of a CSV file: a header line, then one line per row. Numbers have 17 significant digits
/// (they read back to the same bits), NaN is an empty cell, infinities are inf and -inf; column
/// names are quoted where they need it. Throws InvalidInput when a row has not one number per
/// column.
std::string to_csv(const std::vector<std::string>& columns,
                   const std::vector<std::vector<double>>& rows);

}  // namespace ergon
