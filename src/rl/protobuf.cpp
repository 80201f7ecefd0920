#include "protobuf.hpp"

namespace ergon::internal {
namespace {

constexpr std::uint32_t kVarint = 0, kLengthDelimited = 2;

}  // namespace

ProtobufMessage& ProtobufMessage::integer(std::uint32_t field, std::int64_t value) {
  key(field, kVarint);
  varint(static_cast<std::uint64_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::bytes(std::uint32_t field, std::string_view content) {
  key(field, kLengthDelimited);
  varint(content.size());
  content_.append(content);
  return *this;
}

void ProtobufMessage::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) content_.push_back(static_cast<char>((value & 0x7f) | 0x80));
  content_.push_back(static_cast<char>(value));
}

void ProtobufMessage::key(std::uint32_t field, std::uint32_t wire_type) {
  varint(std::uint64_t{field} << 3 | wire_type);
}

}  // namespace ergon::internal
