#include "ergon/image/idx.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <numeric>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/files.hpp"
#include "image/idx_file.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ImageIdx : public ::testing::Test {
 protected:
  /// The message with which a file of these bytes is refused; it must name the path.
  std::string refusal(const std::string& bytes) {
    const std::string path = folder.file("refused");
    write_file(path, bytes);
    const std::string message = message_of([&] { read_idx(path); });
    EXPECT_THAT(message, HasSubstr(path));
    return message;
  }
  TemporaryFolder folder;
};

TEST_F(ImageIdx, IsReadPlainAndCompressed) {
  std::vector<std::uint8_t> bytes(2 * 3 * 300);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  const std::string idx = idx_bytes({2, 3, 300}, bytes);
  for (const std::string& file : {idx, gzipped(idx)}) {
    const std::string path = folder.file("data");
    write_file(path, file);
    const IdxArray array = read_idx(path);
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 3, 300}));
    EXPECT_EQ(array.bytes, bytes);
  }
}

TEST_F(ImageIdx, MayBeLargerThanOneChunk) {
  const std::vector<std::uint8_t> bytes(5'000'000, 7);
  const std::string path = folder.file("large");
  write_file(path, gzipped(idx_bytes({5'000'000}, bytes)));
  EXPECT_EQ(read_idx(path).bytes, bytes);
}

TEST_F(ImageIdx, RefusesForeignFiles) {
  EXPECT_THAT(refusal(""), HasSubstr("not an IDX file"));
  EXPECT_THAT(refusal("x,y\n1,2\n"), HasSubstr("not an IDX file"));
  EXPECT_THAT(refusal(gzipped("text")), HasSubstr("not an IDX file"));
  std::string floats = idx_bytes({1}, {0});
  floats[2] = 0x0D;
  EXPECT_THAT(refusal(floats), HasSubstr("0x0d"));
  EXPECT_THAT(refusal(std::string("\0\0\x08\0", 4)), HasSubstr("header"));
  EXPECT_THAT(message_of([&] { read_idx(folder.file("absent")); }), HasSubstr("absent"));
}

TEST_F(ImageIdx, RefusesDamagedFiles) {
  const std::string idx = idx_bytes({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(refusal(idx.substr(0, idx.size() - 1)),
              AllOf(HasSubstr("3 bytes"), HasSubstr("2, 2")));
  EXPECT_THAT(refusal(idx + "x"), HasSubstr("5 bytes"));
  EXPECT_THAT(refusal(idx.substr(0, 7)), HasSubstr("header"));
  EXPECT_THAT(refusal(idx_bytes({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {1})), HasSubstr("damaged"));
}

TEST_F(ImageIdx, RefusesDamagedGzipStreams) {
  const std::string packed = gzipped(idx_bytes({2, 2}, {1, 2, 3, 4}));
  EXPECT_THAT(refusal(packed.substr(0, packed.size() - 6)), HasSubstr("breaks off"));
  EXPECT_THAT(refusal(packed.substr(0, 2)), HasSubstr("breaks off"));
  EXPECT_THAT(refusal(packed + "x"), HasSubstr("follows"));
  std::string flipped = packed;
  flipped[packed.size() - 5] ^= 1;  // the checksum
  EXPECT_THAT(refusal(flipped), HasSubstr("corrupt"));
}

}  // namespace
}  // namespace ergon::testing
