#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

/// An array of unsigned bytes, row-major.
struct IdxArray {
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;
};

/// Reads a file in IDX format, in which the MNIST family of data sets is published: two zero bytes,
/// the type (8: unsigned byte), the number of dimensions, their sizes as big-endian 32-bit numbers,
/// the data. Compressed by gzip or not. Throws InvalidInput naming the path: missing, no IDX file,
/// another type, damaged, longer or shorter than its header says.
IdxArray read_idx(const std::string& path);

}  // namespace ergon
