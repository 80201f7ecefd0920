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

}  // namespace ergon::internal
