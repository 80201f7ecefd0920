#pragma once

#include <fmt/ranges.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "ergon/core/event_file.hpp"

/// Traces to files: rows with `to_numbers`, the step first.
namespace ergon::app {

inline double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <class Row>
std::string csv(const std::vector<std::string>& columns, const std::vector<Row>& rows) {
  std::string text = fmt::format("{}\n", fmt::join(columns, ","));
  for (const Row& row : rows) text += fmt::format("{}\n", fmt::join(to_numbers(row), ","));
  return text;
}

/// Every column of the trace as a scalar over steps; what does not apply is left out. `now`:
/// seconds since 1970.
template <class Row>
void add_scalars(EventFile& file,
                 const std::string& group,
                 const std::vector<std::string>& columns,
                 const std::vector<Row>& rows,
                 double now) {
  for (const Row& row : rows) {
    const std::vector<double> values = to_numbers(row);
    for (std::size_t i = 1; i < columns.size(); ++i) {
      if (std::isfinite(values[i]))
        file.add_scalar(group + "/" + columns[i], static_cast<std::int64_t>(values[0]), values[i],
                        now);
    }
  }
}

}  // namespace ergon::app
