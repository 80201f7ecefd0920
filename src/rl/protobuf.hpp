#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ergon::internal {

/// A message in the wire format of protocol buffers
/// (https://protobuf.dev/programming-guides/encoding), field after field in the order of the calls,
/// each of which returns the message.
class ProtobufMessage {
 public:
  ProtobufMessage& integer(std::uint32_t field, std::int64_t value);
  /// Text, bytes, or another message.
  ProtobufMessage& bytes(std::uint32_t field, std::string_view content);
  ProtobufMessage& message(std::uint32_t field, const ProtobufMessage& content) {
    return bytes(field, content.content_);
  }
  const std::string& content() const { return content_; }

 private:
  void varint(std::uint64_t value);
  void key(std::uint32_t field, std::uint32_t wire_type);
  std::string content_;
};

}  // namespace ergon::internal
