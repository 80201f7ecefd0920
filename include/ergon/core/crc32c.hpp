#pragma once

#include <cstdint>
#include <string_view>

namespace ergon {

/// CRC-32C (Castagnoli) of the bytes; of a longer text piece by piece: `previous` is the sum of
/// what comes before. By the processor's instruction where it has one (some 10 GB/s).
/// Source: RFC 3720, appendix B.4.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t previous = 0);

namespace internal {
/// The same by eight tables of 256 entries, on any processor.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t previous = 0);
}  // namespace internal

}  // namespace ergon
