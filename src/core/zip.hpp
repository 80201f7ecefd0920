#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ergon::internal {

/// One file inside a zip archive.
struct ZipMember {
  std::string name;
  std::string bytes;
};

/// The members of a zip archive in the order of its directory, decompressed and CRC-checked. Stored
/// and deflated members, zip64. Throws InvalidInput naming `path`, which is for messages alone, for
/// anything cut short, corrupted or encrypted. Source of the layout: PKWARE APPNOTE.TXT 6.3.
std::vector<ZipMember> read_zip(const std::string& path, std::string_view archive);

/// A member to be stored: its bytes are `head` followed by `body`.
struct ZipSource {
  std::string name;
  std::string head;
  std::string_view body;
};

/// Writes an archive of stored members (below 4 GiB together) through write_file. Dates are
/// 1980-01-01, so that equal members make equal archives.
void write_zip(const std::string& path, const std::vector<ZipSource>& members);

}  // namespace ergon::internal
