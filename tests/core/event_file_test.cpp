#include "ergon/core/event_file.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <map>

#include "ergon/core/crc32c.hpp"
#include "ergon/core/files.hpp"
#include "temporary_folder.hpp"

namespace ergon {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::TemporaryFolder;

/// A protocol buffer message taken apart: the raw value of each field.
std::map<int, std::string> decode(const std::string& message) {
  std::map<int, std::string> fields;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const std::uint64_t key = varint();
    std::string value;
    if ((key & 7) == 0) {
      const std::uint64_t number = varint();
      value.assign(reinterpret_cast<const char*>(&number), 8);
    } else {
      const std::size_t size = (key & 7) == 1 ? 8 : (key & 7) == 5 ? 4 : varint();
      EXPECT_LE(at + size, message.size());
      value = message.substr(at, size);
      at += size;
    }
    fields[static_cast<int>(key >> 3)] = value;
  }
  return fields;
}

template <class T>
T number(const std::string& bytes) {
  T value{};
  EXPECT_EQ(bytes.size(), sizeof value);
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

std::uint32_t unmask(std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xA282EAD8U;
  return rotated >> 17 | rotated << 15;
}

/// The records of a file, after a check of both sums of each.
std::vector<std::string> split_records(const std::string& bytes) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::string length = bytes.substr(at, 8);
    EXPECT_EQ(unmask(number<std::uint32_t>(bytes.substr(at + 8, 4))), crc32c(length));
    const auto size = number<std::uint64_t>(length);
    records.push_back(bytes.substr(at + 12, size));
    EXPECT_EQ(unmask(number<std::uint32_t>(bytes.substr(at + 12 + size, 4))),
              crc32c(records.back()));
    at += 16 + size;
  }
  return records;
}

TEST(CoreEventFile, ScalarsComeBack) {
  EventFile file(1000.5);
  file.add_scalar("fit/loss", 0, 3.25, 1001.0);
  file.add_scalar("entropy", 123456789012, -0.5, 1002.0);
  const std::vector<std::string> records = split_records(file.bytes());
  ASSERT_THAT(records, SizeIs(3));
  const auto head = decode(records[0]);
  EXPECT_EQ(number<double>(head.at(1)), 1000.5);
  EXPECT_EQ(head.at(3), "brain.Event:2");
  const auto event = decode(records[2]);
  EXPECT_EQ(number<double>(event.at(1)), 1002.0);
  EXPECT_EQ(number<std::int64_t>(event.at(2)), 123456789012);
  const auto value = decode(decode(event.at(5)).at(1));
  EXPECT_EQ(value.at(1), "entropy");
  EXPECT_EQ(number<float>(value.at(2)), -0.5F);
  const auto first = decode(decode(decode(records[1]).at(5)).at(1));
  EXPECT_EQ(first.at(1), "fit/loss");
  EXPECT_EQ(number<float>(first.at(2)), 3.25F);
}

TEST(CoreEventFile, LongTagsNegativeStepsAndNanAreKept) {
  EventFile file(0.0);
  const std::string tag(300, 't');
  file.add_scalar(tag, -1, std::nan(""), 0.0);
  const auto event = decode(split_records(file.bytes()).back());
  EXPECT_EQ(number<std::int64_t>(event.at(2)), -1);
  const auto value = decode(decode(event.at(5)).at(1));
  EXPECT_EQ(value.at(1), tag);
  EXPECT_TRUE(std::isnan(number<float>(value.at(2))));
  EXPECT_THROW(file.add_scalar("", 0, 1.0, 0.0), InvalidInput);
}

TEST(CoreEventFile, TheSameCallsMakeTheSameFileUnderANameThatTensorBoardFinds) {
  const TemporaryFolder folder;
  EventFile file(5.0);
  file.add_scalar("a", 1, 2.0, 6.0);
  file.save(folder.file(EventFile::kFileName));
  EventFile again(5.0);
  again.add_scalar("a", 1, 2.0, 6.0);
  EXPECT_EQ(read_file(folder.file(EventFile::kFileName)), again.bytes());
  EXPECT_THAT(EventFile::kFileName, HasSubstr("tfevents"));
}

}  // namespace
}  // namespace ergon
