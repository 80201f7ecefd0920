#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

/// Element types an .npz file of ours may hold, with NumPy's name for each.
enum class ElementType { kFloat32, kFloat64, kInt64, kUInt8, kBool };

/// One named array, C order, little endian. `bytes` holds exactly the product of `shape` times the
/// element size.
struct NpzArray {
  std::string name;
  ElementType type = ElementType::kFloat64;
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  std::vector<std::uint8_t> bytes;
};

/// Bytes per element.
std::size_t element_size(ElementType type);

/// Writes arrays as an uncompressed .npz that numpy.load reads. Written to a temporary name,
/// flushed and renamed, so a reader never sees half a file. The bytes depend on the arrays alone
/// (no time stamps). Throws InvalidInput when the file cannot be written (read-only folder, full
/// disk), leaving nothing behind.
void write_npz(const std::string& path, const std::vector<NpzArray>& arrays);

/// Reads an .npz (stored or deflated members; element types above, also int32, which becomes
/// int64). CRC-checked. Members of other types (strings) are skipped. Throws InvalidInput naming
/// the path for a missing, truncated, corrupted or foreign file.
std::vector<NpzArray> read_npz(const std::string& path);

}  // namespace ergon
