#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ergon/core/safetensors.hpp"
#include "ergon/rl/training.hpp"
#include "update_window.hpp"

namespace ergon::internal {

/// Arrays "record.*" and the word "record.names": what a run has recorded, and the updates since
/// its last row.
void save_record(const TrainingRecord& record, const UpdateWindow& window, SafetensorsWriter& file);

struct LoadedRecord {
  TrainingRecord record;
  UpdateWindow window;
};
/// Throws InvalidInput naming the file when arrays do not fit together.
LoadedRecord load_record(const SafetensorsFile& file);

/// The array as a list of so many numbers. Throws InvalidInput naming the file.
template <class Number>
std::vector<Number> list_of(const SafetensorsFile& file,
                            const std::string& name,
                            std::size_t count) {
  std::vector<Number> numbers(count);
  file.read(name, numbers.data(), static_cast<std::int64_t>(count));
  return numbers;
}

}  // namespace ergon::internal
