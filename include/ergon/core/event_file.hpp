#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ergon {

/// Scalars over steps in the format that TensorBoard reads: records of tensorflow.Event messages,
/// each framed by its length and masked CRC-32C sums (tensorflow/core/lib/io/record_writer.h,
/// core/util/event.proto). Wall times are arguments, so that the same calls make the same bytes.
class EventFile {
 public:
  /// A name that TensorBoard looks for inside a run's folder.
  static constexpr const char* kFileName = "events.out.tfevents.0.ergon";

  /// `wall_time`: seconds since 1970 when the run started.
  explicit EventFile(double wall_time);

  /// Adds one value (kept as float32, as the format has it; NaN and infinities too). A tag such as
  /// "fit/loss" groups by its folder. Throws InvalidInput for an empty tag.
  void add_scalar(std::string_view tag, std::int64_t step, double value, double wall_time);

  const std::string& bytes() const { return bytes_; }
  /// Writes all of it by write_file.
  void save(const std::string& path) const;

 private:
  std::string bytes_;
};

}  // namespace ergon
