#include "ergon/core/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "temporary_folder.hpp"

namespace ergon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::TemporaryFolder;

/// A file byte for byte: length, header, numbers.
std::string file_bytes(const std::string& header, const std::string& numbers = "") {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + numbers;
}

template <class Number>
std::string bytes_of(const std::vector<Number>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

class CoreSafetensors : public ::testing::Test {
 protected:
  std::string path() const { return folder_.file("a.safetensors"); }
  /// Without waiting for the disk, as write_file does.
  void put(const std::string& bytes) const {
    std::ofstream(path(), std::ios::binary).write(bytes.data(), bytes.size());
  }
  /// In place, which no file system waits for.
  void flip(std::size_t bit) const {
    std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
    const auto place = static_cast<std::streamoff>(bit / 8);
    const int byte = file.seekg(place).get();
    file.seekp(place).put(static_cast<char>(byte ^ 1 << bit % 8));
  }
  SafetensorsFile reread(const SafetensorsWriter& writer) const {
    writer.save(path());
    return SafetensorsFile(path(), /*need_sum=*/true);
  }
  SafetensorsFile read(const std::string& bytes) const {
    put(bytes);
    return SafetensorsFile(path());
  }
  /// The sentence that refuses these bytes; a failure when it does not name the file.
  std::string refusal(const std::string& bytes) const {
    const std::string message = message_of([&] { read(bytes); });
    EXPECT_THAT(message, HasSubstr(path()));
    return message;
  }
  /// A small file of ours with words and every type.
  std::string small_file() const {
    SafetensorsWriter writer;
    const std::vector<float> weights = {1.5F, -2.25F, 3.0F};
    writer.add_word("seed", "7");
    writer.add("weights", {3, 1}, weights.data());
    writer.add_copy("step", std::vector<std::int64_t>{12});
    writer.add_copy("flags", std::vector<std::uint8_t>{1, 0, 255});
    writer.save(path());
    return read_file(path());
  }
  TemporaryFolder folder_;
};

TEST_F(CoreSafetensors, ReturnsEveryBitOfEveryType) {
  SafetensorsWriter writer;
  const std::vector<float> narrow = {0.1F, -0.0F, std::numeric_limits<float>::denorm_min(),
                                     std::numeric_limits<float>::infinity(), std::nanf("3")};
  const std::vector<double> wide = {0.1, -0.0, 5e-324, -1.0 / 0.0, std::nan("7"), 1e308};
  const std::vector<std::int64_t> integers = {0, -1, INT64_MIN, INT64_MAX};
  const std::vector<std::uint64_t> words = {0, UINT64_MAX, std::uint64_t{1} << 63};
  const std::vector<std::uint8_t> bytes = {0, 1, 255};
  writer.add_copy("bytes", bytes);
  writer.add_copy("narrow", narrow);
  writer.add("wide", {2, 3}, wide.data());
  writer.add_copy("integers", integers);
  writer.add_copy("words", words);
  const SafetensorsFile file = reread(writer);
  EXPECT_EQ(bytes_of(file.list<float>("narrow")), bytes_of(narrow));
  EXPECT_EQ(bytes_of(file.list<double>("wide")), bytes_of(wide));
  EXPECT_EQ(file.list<std::int64_t>("integers"), integers);
  EXPECT_EQ(file.list<std::int64_t>("integers", integers.size()), integers);
  EXPECT_THROW(file.list<std::int64_t>("integers", integers.size() + 1), InvalidInput);
  EXPECT_EQ(file.list<std::uint64_t>("words"), words);
  EXPECT_EQ(file.list<std::uint8_t>("bytes"), bytes);
  EXPECT_THAT(file.shape("wide"), ElementsAre(2, 3));
  EXPECT_EQ(file.type("wide"), NumberType::kFloat64);
  EXPECT_THAT(file.names(), ElementsAre("bytes", "integers", "narrow", "wide", "words"));
}

TEST_F(CoreSafetensors, KeepsWordsOfAnyText) {
  SafetensorsWriter writer;
  const std::string strange =
      "line\nquote\" back\\slash \"ergon.crc32c\":\"00000000\" \xE2\x88\x9E";
  writer.add_word("options", strange);
  writer.add_word("another", "");
  const SafetensorsFile file = reread(writer);
  EXPECT_EQ(file.word("options"), strange);
  EXPECT_EQ(file.word("another"), "");
  EXPECT_FALSE(file.has_word("ergon.crc32c"));
  EXPECT_THAT(message_of([&] { file.word("none"); }), HasSubstr(path()));
}

TEST_F(CoreSafetensors, KeepsEmptyArraysAndScalars) {
  SafetensorsWriter writer;
  const double scalar = 2.5;
  writer.add("rows", {0, 42}, static_cast<const float*>(nullptr));
  writer.add("scalar", {}, &scalar);
  const SafetensorsFile file = reread(writer);
  EXPECT_THAT(file.shape("rows"), ElementsAre(0, 42));
  EXPECT_THAT(file.list<float>("rows"), IsEmpty());
  EXPECT_THAT(file.shape("scalar"), IsEmpty());
  EXPECT_THAT(file.list<double>("scalar"), ElementsAre(2.5));
}

TEST_F(CoreSafetensors, KeepsAFileOfNothing) {
  const SafetensorsFile file = reread(SafetensorsWriter());
  EXPECT_THAT(file.names(), IsEmpty());
}

TEST_F(CoreSafetensors, RefersToTheNumbersUntilTheyAreSaved) {
  SafetensorsWriter writer;
  std::vector<float> numbers = {1.0F, 2.0F};
  writer.add("numbers", {2}, numbers.data());
  numbers[1] = 5.0F;
  EXPECT_THAT(reread(writer).list<float>("numbers"), ElementsAre(1.0F, 5.0F));
}

TEST_F(CoreSafetensors, WritesTheFormatByteForByte) {
  SafetensorsWriter writer;
  writer.add_word("k", "v");
  writer.add_copy("b", std::vector<std::uint8_t>{1, 2, 3});
  writer.add_copy("a", std::vector<float>{1.0F, 2.0F});
  writer.save(path());
  std::string header = R"({"__metadata__":{"ergon.crc32c":"........","k":"v"},)"
                       R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                       R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string written = read_file(path());
  written.replace(written.find("crc32c\":\"") + 9, 8, "........");
  EXPECT_EQ(written, file_bytes(header, bytes_of<float>({1.0F, 2.0F}) + "\x01\x02\x03"));
}

TEST_F(CoreSafetensors, PutsEveryArrayAtAMultipleOfItsNumbersSize) {
  for (std::size_t padding = 0; padding < 9; ++padding) {
    SafetensorsWriter writer;
    writer.add_word("padding", std::string(padding, 'x'));
    writer.add_copy("one", std::vector<std::uint8_t>{0xAB});
    writer.add_copy("four", std::vector<float>{1234.5F});
    writer.add_copy("eight", std::vector<double>{9876.25});
    writer.save(path());
    const std::string bytes = read_file(path());
    EXPECT_EQ(bytes.find(bytes_of<double>({9876.25})) % 8, 0u);
    EXPECT_EQ(bytes.find(bytes_of<float>({1234.5F})) % 4, 0u);
  }
}

TEST_F(CoreSafetensors, GivesTheSameBytesForTheSameContent) {
  const std::string first = small_file();
  EXPECT_EQ(small_file(), first);
}

TEST_F(CoreSafetensors, IsReadAfterItWasCopiedAndMoved) {
  put(small_file());
  auto original = std::make_unique<SafetensorsFile>(path());
  SafetensorsFile copy = *original;
  original.reset();
  const SafetensorsFile moved = std::move(copy);
  EXPECT_THAT(moved.list<float>("weights"), ElementsAre(1.5F, -2.25F, 3.0F));
}

TEST_F(CoreSafetensors, ReadsWhatPythonsPackageWrites) {
  // safetensors.numpy.save of {"x": float32 [[1, 2]], "n": int64 [3]} with metadata.
  const std::string header =
      R"({"__metadata__":{"format":"np"},"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
      R"("x":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}    )";
  const SafetensorsFile file =
      read(file_bytes(header, bytes_of<std::int64_t>({3}) + bytes_of<float>({1.0F, 2.0F})));
  EXPECT_EQ(file.word("format"), "np");
  EXPECT_THAT(file.list<float>("x"), ElementsAre(1.0F, 2.0F));
  EXPECT_THAT(file.list<std::int64_t>("n"), ElementsAre(3));
  EXPECT_THAT(message_of([&] { SafetensorsFile(path(), /*need_sum=*/true); }), HasSubstr("no sum"));
}

TEST_F(CoreSafetensors, ReadsArraysThatLieInAnotherOrderThanTheirTables) {
  const std::string header = R"({"a":{"data_offsets":[4,8],"shape":[1],"dtype":"F32"},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  const SafetensorsFile file = read(file_bytes(header, bytes_of<float>({1.0F, 2.0F})));
  EXPECT_THAT(file.list<float>("a"), ElementsAre(2.0F));
  EXPECT_THAT(file.list<float>("b"), ElementsAre(1.0F));
}

TEST_F(CoreSafetensors, RefusesAFileCutAtAnyPlace) {
  for (std::size_t length = small_file().size(); length-- > 0;) {
    std::filesystem::resize_file(path(), length);
    EXPECT_THAT(message_of([&] { SafetensorsFile file(path()); }), HasSubstr(path())) << length;
  }
}

TEST_F(CoreSafetensors, RefusesAFileThatGoesOn) {
  const std::string bytes = small_file();
  refusal(bytes + '\0');
  refusal(bytes + bytes);
}

TEST_F(CoreSafetensors, NoticesEveryFlippedBit) {
  const std::string bytes = small_file();
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    flip(bit);
    EXPECT_THAT(message_of([&] { SafetensorsFile file(path(), /*need_sum=*/true); }),
                HasSubstr(path()))
        << "bit " << bit % 8 << " of byte " << bit / 8;
    flip(bit);
  }
  EXPECT_EQ(read_file(path()), bytes);
}

TEST_F(CoreSafetensors, ReadsOrRefusesAFileOfOthersWithAnyFlippedBit) {
  const std::string header =
      R"({"__metadata__":{"format":"np"},"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";
  const std::string bytes = file_bytes(header, bytes_of<float>({1.0F, 2.0F}));
  put(bytes);
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    flip(bit);
    try {
      const SafetensorsFile file(path());
      for (const std::string& name : file.names()) EXPECT_EQ(file.list<float>(name).size(), 2u);
    } catch (const InvalidInput&) {
      ++refused;
    }
    flip(bit);
  }
  EXPECT_GT(refused, 400);
}

TEST_F(CoreSafetensors, RefusesFilesOfOtherKinds) {
  refusal("");
  refusal("\x89PNG\r\n\x1a\n0000IHDR0000000000000000000000");
  refusal(R"({"format": "json", "and": "long enough for a header's length"})");
  refusal(std::string(1000, '\0'));
  refusal(std::string(1000, '\xFF'));
  refusal(file_bytes("[1, 2, 3]"));
  refusal(file_bytes("  {}"));
  refusal(file_bytes("{} x"));
  refusal(file_bytes(std::string("{}\0\0", 4)));
  EXPECT_THAT(message_of([&] { SafetensorsFile file(folder_.file("none")); }), HasSubstr("none"));
}

TEST_F(CoreSafetensors, RefusesTablesThatMakeNoSense) {
  const std::string eight(8, 'x');
  const auto table = [&](const std::string& text) {
    return refusal(file_bytes("{\"x\":" + text + "}", eight));
  };
  const auto array = [&](const std::string& shape, const std::string& offsets) {
    return table(R"({"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}");
  };
  EXPECT_NO_THROW(
      read(file_bytes(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", eight)));
  array("[2]", "[-8,0]");
  array("[2]", "[8,0]");
  array("[2]", "[0,9]");
  array("[2]", "[1,9]");
  array("[2]", "[0,18446744073709551615]");
  array("[2]", "[0,8,8]");
  array("[2]", "[0]");
  array("[2]", "0");
  array("[2]", "[0.0,8.0]");
  array("[3]", "[0,8]");
  array("[-2]", "[0,8]");
  array("[2.0]", "[0,8]");
  array("[\"2\"]", "[0,8]");
  array("[4294967296,4294967296]", "[0,0]");
  array("[4611686018427387905]", "[0,4]");
  array("[9223372036854775807,0]", "[0,8]");
  table("3");
  table("{}");
  table("null");
  table(R"({"dtype":5,"shape":[2],"data_offsets":[0,8]})");
  table(R"({"shape":[2],"data_offsets":[0,8],"more":1})");
  table(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1})");
  EXPECT_THAT(table(R"({"dtype":"BF16","shape":[4],"data_offsets":[0,8]})"), HasSubstr("BF16"));
}

TEST_F(CoreSafetensors, RefusesArraysThatOverlapOrLeaveHoles) {
  const auto two = [&](const std::string& first, const std::string& second) {
    const std::string x = R"({"x":{"dtype":"F32","shape":[1],"data_offsets":)" + first;
    const std::string y = R"(},"y":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}";
    return file_bytes(x + y, std::string(12, 'x'));
  };
  EXPECT_THAT(refusal(two("[0,4]", "[0,4]")), HasSubstr("overlap"));
  EXPECT_THAT(refusal(two("[0,4]", "[2,6]")), HasSubstr("overlap"));
  EXPECT_THAT(refusal(two("[0,4]", "[8,12]")), HasSubstr("holes"));
  EXPECT_THAT(refusal(two("[4,8]", "[8,12]")), HasSubstr("holes"));
  EXPECT_THAT(refusal(two("[0,4]", "[4,8]")), HasSubstr("take 8 bytes and 12"));
}

TEST_F(CoreSafetensors, RefusesNamesGivenTwice) {
  const std::string table = R"(:{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(refusal(file_bytes("{\"x\"" + table + ",\"x\"" + table + "}")), HasSubstr("twice"));
  refusal(file_bytes(R"({"__metadata__":{"a":"1","a":"2"}})"));
  refusal(file_bytes(R"({"__metadata__":{},"__metadata__":{}})"));
}

TEST_F(CoreSafetensors, RefusesMetadataThatIsNotWords) {
  refusal(file_bytes(R"({"__metadata__":[]})"));
  refusal(file_bytes(R"({"__metadata__":{"a":1}})"));
  refusal(file_bytes(R"({"__metadata__":{"ergon.crc32c":"00000000"}})"));
  refusal(file_bytes(R"({"__metadata__":{"ergon.crc32c" : ""}})"));
}

TEST_F(CoreSafetensors, RefusesDeepNesting) {
  const std::string lists(1000000, '[');
  EXPECT_THAT(refusal(file_bytes("{\"x\":" + lists)), HasSubstr("deep"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"x\":";
  EXPECT_THAT(refusal(file_bytes(objects)), HasSubstr("deep"));
}

TEST_F(CoreSafetensors, RefusesToReadWhatIsNotThere) {
  const std::string bytes = small_file();
  const SafetensorsFile file = read(bytes);
  std::vector<float> numbers(3);
  EXPECT_THAT(message_of([&] { file.list<float>("none"); }), HasSubstr("no array 'none'"));
  EXPECT_THAT(message_of([&] { file.shape("none"); }), HasSubstr(path()));
  EXPECT_THAT(message_of([&] { file.list<double>("weights"); }), HasSubstr("F32"));
  EXPECT_THAT(message_of([&] { file.read("weights", numbers.data(), 2); }),
              HasSubstr("3 numbers, where 2"));
  EXPECT_TRUE(file.has("weights"));
  EXPECT_FALSE(file.has("none"));
}

TEST_F(CoreSafetensors, RefusesToWriteNamesThatTheFormatCannotHold) {
  SafetensorsWriter writer;
  const float one = 1.0F;
  writer.add("x", {1}, &one);
  EXPECT_THAT(message_of([&] { writer.add("x", {1}, &one); }), HasSubstr("'x'"));
  EXPECT_THROW(writer.add("", {1}, &one), InvalidInput);
  EXPECT_THROW(writer.add("__metadata__", {1}, &one), InvalidInput);
  EXPECT_THAT(message_of([&] { writer.add("\xFF", {1}, &one); }), HasSubstr("UTF-8"));
  EXPECT_THROW(writer.add("y", {-1}, &one), InvalidInput);
  EXPECT_THROW(writer.add("y", {std::int64_t{1} << 40, std::int64_t{1} << 40}, &one), InvalidInput);
  writer.add_word("a", "1");
  EXPECT_THROW(writer.add_word("a", "2"), InvalidInput);
  EXPECT_THROW(writer.add_word("ergon.crc32c", "2"), InvalidInput);
  EXPECT_THROW(writer.add_word("b", "\xC3"), InvalidInput);
  EXPECT_THAT(reread(writer).names(), ElementsAre("x"));
}

}  // namespace
}  // namespace ergon
