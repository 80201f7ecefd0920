#include "zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"

namespace ergon::internal {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kEndOfDirectory = 0x06054b50;
constexpr std::uint32_t kEndOfDirectory64 = 0x06064b50;
constexpr std::uint32_t kLocator64 = 0x07064b50;
constexpr std::size_t kLocalSize = 30;
constexpr std::size_t kCentralSize = 46;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kEnd64Size = 56;
constexpr std::size_t kLocator64Size = 20;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  ///< "see the zip64 field"
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kDeflated = 8;
constexpr std::uint16_t kJanuary1980 = 0x0021;

/// Reads little-endian numbers at checked places.
class Bytes {
 public:
  Bytes(const std::string& path, std::string_view data) : path_(path), data_(data) {}

  std::string_view slice(std::uint64_t offset, std::uint64_t count) const {
    require(offset <= data_.size() && count <= data_.size() - offset,
            "'{}' is damaged or cut short: its directory points beyond its end", path_);
    return data_.substr(offset, count);
  }
  std::uint64_t number(std::uint64_t offset, int bytes) const {
    const std::string_view text = slice(offset, static_cast<std::uint64_t>(bytes));
    std::uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) {
      value = value << 8 | static_cast<unsigned char>(text[static_cast<std::size_t>(i)]);
    }
    return value;
  }
  std::uint64_t u16(std::uint64_t offset) const { return number(offset, 2); }
  std::uint64_t u32(std::uint64_t offset) const { return number(offset, 4); }
  std::uint64_t u64(std::uint64_t offset) const { return number(offset, 8); }
  std::size_t size() const { return data_.size(); }

 private:
  const std::string& path_;
  std::string_view data_;
};

/// What the central directory says of a member.
struct Entry {
  std::string name;
  std::uint64_t flags = 0;
  std::uint64_t method = 0;
  std::uint64_t crc = 0;
  std::uint64_t packed = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
};

Directory find_directory(const std::string& path, const Bytes& bytes) {
  constexpr std::size_t kLongestComment = 65535;
  const std::size_t length = bytes.size();
  for (std::size_t back = kEndSize; back <= std::min(length, kEndSize + kLongestComment); ++back) {
    const std::size_t end = length - back;
    if (bytes.u32(end) != kEndOfDirectory || bytes.u16(end + 20) != back - kEndSize) continue;
    Directory directory{bytes.u32(end + 16), bytes.u16(end + 10)};
    if (end >= kLocator64Size && bytes.u32(end - kLocator64Size) == kLocator64) {
      const std::uint64_t end64 = bytes.u64(end - kLocator64Size + 8);
      require(bytes.slice(end64, kEnd64Size).size() == kEnd64Size &&
                  bytes.u32(end64) == kEndOfDirectory64,
              "'{}' is damaged: its zip64 directory is not where it should be", path);
      directory = {bytes.u64(end64 + 48), bytes.u64(end64 + 32)};
    }
    return directory;
  }
  fail("'{}' is cut short: the directory at the end of the archive is missing", path);
}

/// Replaces the numbers that did not fit 32 bits by those of the zip64 extra field.
void apply_zip64(const Bytes& bytes, std::uint64_t extra, std::uint64_t extra_size, Entry& entry) {
  const std::uint64_t end = extra + extra_size;
  for (std::uint64_t at = extra; at + 4 <= end; at += 4 + bytes.u16(at + 2)) {
    if (bytes.u16(at) != 0x0001) continue;
    std::uint64_t value = at + 4;
    for (std::uint64_t* field : {&entry.size, &entry.packed, &entry.offset}) {
      if (*field != kIn64) continue;
      *field = bytes.u64(value);
      value += 8;
    }
    return;
  }
}

std::vector<Entry> read_directory(const std::string& path, const Bytes& bytes) {
  const Directory directory = find_directory(path, bytes);
  std::vector<Entry> entries;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    require(bytes.slice(at, kCentralSize).size() == kCentralSize && bytes.u32(at) == kCentralHeader,
            "'{}' is damaged: entry {} of its directory is not one", path, i + 1);
    Entry entry;
    entry.flags = bytes.u16(at + 8);
    entry.method = bytes.u16(at + 10);
    entry.crc = bytes.u32(at + 16);
    entry.packed = bytes.u32(at + 20);
    entry.size = bytes.u32(at + 24);
    entry.offset = bytes.u32(at + 42);
    const std::uint64_t name_size = bytes.u16(at + 28);
    const std::uint64_t extra_size = bytes.u16(at + 30);
    entry.name = std::string(bytes.slice(at + kCentralSize, name_size));
    apply_zip64(bytes, at + kCentralSize + name_size, extra_size, entry);
    at += kCentralSize + name_size + extra_size + bytes.u16(at + 32);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string inflate_member(const std::string& path, const Entry& entry, std::string_view packed) {
  // Deflate packs at most 1032 to 1: a size beyond that is a damaged number, not a reason to
  // allocate.
  require(entry.size / 1032 <= entry.packed + 1 && entry.packed <= kIn64 && entry.size <= kIn64,
          "'{}' is damaged: member '{}' claims an impossible size", path, entry.name);
  std::string bytes(entry.size, '\0');
  z_stream stream{};
  ERGON_CHECK(inflateInit2(&stream, -MAX_WBITS) == Z_OK, "zlib cannot start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  const int status = inflate(&stream, Z_FINISH);
  const bool whole = status == Z_STREAM_END && stream.total_out == entry.size;
  inflateEnd(&stream);
  require(whole, "'{}' is damaged: member '{}' cannot be decompressed", path, entry.name);
  return bytes;
}

std::string read_member(const std::string& path, const Bytes& bytes, const Entry& entry) {
  require((entry.flags & 1) == 0, "'{}': member '{}' is encrypted", path, entry.name);
  require(entry.method == kStored || entry.method == kDeflated,
          "'{}': member '{}' is compressed by method {}; only stored and deflated members are read",
          path, entry.name, entry.method);
  require(bytes.slice(entry.offset, kLocalSize).size() == kLocalSize &&
              bytes.u32(entry.offset) == kLocalHeader,
          "'{}' is damaged: member '{}' is not where the directory says", path, entry.name);
  const std::uint64_t start =
      entry.offset + kLocalSize + bytes.u16(entry.offset + 26) + bytes.u16(entry.offset + 28);
  const std::string_view packed = bytes.slice(start, entry.packed);
  require(entry.method == kDeflated || entry.packed == entry.size,
          "'{}' is damaged: the two sizes of member '{}' differ", path, entry.name);
  std::string content =
      entry.method == kDeflated ? inflate_member(path, entry, packed) : std::string(packed);
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
  require(crc == entry.crc, "'{}' is damaged: the checksum of member '{}' does not match", path,
          entry.name);
  return content;
}

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

/// The fields that local and central header share: version, flags, method, time, date, CRC, sizes,
/// name length, no extra.
void put_common(std::string& out, std::uint64_t crc, std::uint64_t size, const std::string& name) {
  constexpr std::uint16_t kVersion = 20;
  constexpr std::uint16_t kNamesAreUtf8 = 1 << 11;
  put(out, kVersion, 2);
  put(out, kNamesAreUtf8, 2);
  put(out, kStored, 2);
  put(out, 0, 2);
  put(out, kJanuary1980, 2);
  put(out, crc, 4);
  put(out, size, 4);
  put(out, size, 4);
  put(out, name.size(), 2);
  put(out, 0, 2);
}

}  // namespace

std::vector<ZipMember> read_zip(const std::string& path, std::string_view archive) {
  const Bytes bytes(path, archive);
  std::vector<ZipMember> members;
  for (const Entry& entry : read_directory(path, bytes)) {
    members.push_back({entry.name, read_member(path, bytes, entry)});
  }
  return members;
}

void write_zip(const std::string& path, const std::vector<ZipSource>& members) {
  std::vector<std::string> local_headers(members.size());
  std::vector<std::string_view> pieces;
  std::string directory;
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const ZipSource& member = members[i];
    const std::uint64_t size = member.head.size() + member.body.size();
    auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(member.head.data()), member.head.size());
    // zlib reads a null pointer, which an empty array may have, as "start anew".
    if (!member.body.empty()) {
      crc = crc32_z(crc, reinterpret_cast<const Bytef*>(member.body.data()), member.body.size());
    }
    std::string& local = local_headers[i];
    put(local, kLocalHeader, 4);
    put_common(local, crc, size, member.name);
    local += member.name;
    put(directory, kCentralHeader, 4);
    put(directory, 20, 2);
    put_common(directory, crc, size, member.name);
    put(directory, 0, 6);  // no comment, the first disk, no internal attributes
    put(directory, 0, 4);  // no external attributes
    put(directory, offset, 4);
    directory += member.name;
    offset += local.size() + size;
    pieces.insert(pieces.end(), {local, member.head, member.body});
  }
  require(offset + directory.size() < kIn64 && members.size() < 0xFFFF,
          "cannot write '{}': it would be larger than 4 GiB, the limit of this format; save fewer "
          "particles",
          path);
  std::string end;
  put(end, kEndOfDirectory, 4);
  put(end, 0, 4);
  put(end, members.size(), 2);
  put(end, members.size(), 2);
  put(end, directory.size(), 4);
  put(end, offset, 4);
  put(end, 0, 2);
  pieces.insert(pieces.end(), {directory, end});
  write_file(path, pieces);
}

}  // namespace ergon::internal
