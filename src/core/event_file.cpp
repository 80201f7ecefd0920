#include "ergon/core/event_file.hpp"

#include <cstring>

#include "ergon/core/crc32c.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"

namespace ergon {
namespace {

/// The two low bits of a protocol buffer key.
enum class WireType { kVarint = 0, kEightBytes = 1, kLengthPrefixed = 2, kFourBytes = 5 };

/// Field numbers of tensorflow.Event, Summary and Summary.Value.
constexpr int kEventWallTime = 1;
constexpr int kEventStep = 2;
constexpr int kEventFileVersion = 3;
constexpr int kEventSummary = 5;
constexpr int kSummaryValue = 1;
constexpr int kValueTag = 1;
constexpr int kValueSimple = 2;

/// A CRC of bytes that hold a CRC is troublesome; the format stores it rotated and shifted.
std::uint32_t mask(std::uint32_t crc) { return (crc >> 15 | crc << 17) + 0xA282EAD8U; }

void put_fixed(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  out += static_cast<char>(value);
}

void put_key(std::string& out, int field, WireType type) {
  put_varint(out, static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(type));
}

void put_double(std::string& out, int field, double value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  put_key(out, field, WireType::kEightBytes);
  put_fixed(out, bits, 8);
}

void put_float(std::string& out, int field, float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  put_key(out, field, WireType::kFourBytes);
  put_fixed(out, bits, 4);
}

void put_integer(std::string& out, int field, std::int64_t value) {
  put_key(out, field, WireType::kVarint);
  put_varint(out, static_cast<std::uint64_t>(value));
}

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_key(out, field, WireType::kLengthPrefixed);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_record(std::string& out, const std::string& event) {
  std::string length;
  put_fixed(length, event.size(), 8);
  out += length;
  put_fixed(out, mask(crc32c(length)), 4);
  out += event;
  put_fixed(out, mask(crc32c(event)), 4);
}

}  // namespace

EventFile::EventFile(double wall_time) {
  std::string event;
  put_double(event, kEventWallTime, wall_time);
  put_bytes(event, kEventFileVersion, "brain.Event:2");
  put_record(bytes_, event);
}

void EventFile::add_scalar(std::string_view tag,
                           std::int64_t step,
                           double value,
                           double wall_time) {
  require(!tag.empty(), "a scalar of an event file needs a tag, such as fit/loss");
  std::string scalar;
  put_bytes(scalar, kValueTag, tag);
  put_float(scalar, kValueSimple, static_cast<float>(value));
  std::string summary;
  put_bytes(summary, kSummaryValue, scalar);
  std::string event;
  put_double(event, kEventWallTime, wall_time);
  put_integer(event, kEventStep, step);
  put_bytes(event, kEventSummary, summary);
  put_record(bytes_, event);
}

void EventFile::save(const std::string& path) const { write_file(path, bytes_); }

}  // namespace ergon
