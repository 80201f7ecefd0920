#include "ergon/image/idx.hpp"

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <string_view>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"

namespace ergon {
namespace {

constexpr unsigned char kUnsignedByte = 0x08;
constexpr std::string_view kGzipMagic = "\x1f\x8b";

std::uint32_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

/// A zlib stream that ends with the scope.
class Inflater {
 public:
  explicit Inflater(std::string_view packed) {
    constexpr int kGzip = 16;
    ERGON_CHECK(inflateInit2(&stream_, MAX_WBITS + kGzip) == Z_OK, "zlib cannot start");
    // zlib reads from it; its interface lacks the const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    left_ = packed.size();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Appends up to a chunk to `bytes`; zlib's return code.
  int append(std::string& bytes) {
    constexpr std::size_t kChunk = std::size_t{1} << 20;
    if (stream_.avail_in == 0) {
      stream_.avail_in = static_cast<uInt>(std::min(left_, kChunk));
      left_ -= stream_.avail_in;
    }
    const std::size_t before = bytes.size();
    bytes.resize(before + kChunk);
    stream_.next_out = reinterpret_cast<Bytef*>(bytes.data() + before);
    stream_.avail_out = static_cast<uInt>(kChunk);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    bytes.resize(before + kChunk - stream_.avail_out);
    return code;
  }
  bool exhausted() const { return left_ == 0 && stream_.avail_in == 0; }

 private:
  z_stream stream_{};
  std::size_t left_ = 0;
};

std::string gunzip(const std::string& path, std::string_view packed) {
  Inflater inflater(packed);
  std::string bytes;
  int code = Z_OK;
  while (code == Z_OK) code = inflater.append(bytes);
  require(code != Z_BUF_ERROR, "'{}' is damaged: its gzip stream breaks off; fetch it again", path);
  require(code == Z_STREAM_END, "'{}' is damaged: its gzip stream is corrupt; fetch it again",
          path);
  require(inflater.exhausted(), "'{}' is damaged: something follows its gzip stream", path);
  return bytes;
}

IdxArray parse(const std::string& path, std::string_view bytes) {
  require(bytes.size() >= 4 && bytes[0] == 0 && bytes[1] == 0,
          "'{}' is not an IDX file: it does not begin with two zero bytes", path);
  require(byte_at(bytes, 2) == kUnsignedByte,
          "'{}' is an IDX file of numbers of type {:#04x}; only unsigned bytes ({:#04x}) are read",
          path, byte_at(bytes, 2), kUnsignedByte);
  const std::size_t dimensions = byte_at(bytes, 3), start = 4 + 4 * dimensions;
  require(dimensions >= 1 && bytes.size() >= start,
          "'{}' is not an IDX file: its header of {} dimensions is not complete", path, dimensions);
  IdxArray array;
  std::uint64_t count = 1;
  bool fits = true;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const std::size_t at = 4 + 4 * i;
    const std::uint32_t size = byte_at(bytes, at) << 24 | byte_at(bytes, at + 1) << 16 |
                               byte_at(bytes, at + 2) << 8 | byte_at(bytes, at + 3);
    array.shape.push_back(size);
    fits = fits && !__builtin_mul_overflow(count, std::uint64_t{size}, &count);
  }
  require(fits && bytes.size() - start == count,
          "'{}' is damaged: it holds {} bytes of data, which do not fit its shape ({}); fetch it "
          "again",
          path, bytes.size() - start, fmt::join(array.shape, ", "));
  array.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(start), bytes.end());
  return array;
}

}  // namespace

IdxArray read_idx(const std::string& path) {
  const std::string file = read_file(path);
  if (std::string_view(file).substr(0, kGzipMagic.size()) != kGzipMagic) return parse(path, file);
  return parse(path, gunzip(path, file));
}

}  // namespace ergon
