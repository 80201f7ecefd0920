#include "ergon/core/files.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_folder.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::TemporaryFolder;

TEST(CoreFiles, BytesComeBackAsTheyWereWritten) {
  const TemporaryFolder folder;
  std::string bytes;
  for (int i = 0; i < 200000; ++i) bytes += static_cast<char>(i * 37);
  write_file(folder.file("a"), bytes);
  EXPECT_EQ(read_file(folder.file("a")), bytes);
  write_file(folder.file("a"), "");
  EXPECT_EQ(read_file(folder.file("a")), "");
  EXPECT_THAT(folder.names(), ElementsAre("a"));
}

TEST(CoreFiles, PiecesAreJoined) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), std::vector<std::string_view>{"one ", "", "two"});
  EXPECT_EQ(read_file(folder.file("a")), "one two");
}

TEST(CoreFiles, AFailedWriteKeepsTheOldFileAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), "old");
  std::string message;
  {
    const FileSizeLimit limit(1000);
    message = message_of([&] { write_file(folder.file("a"), std::string(5000, 'x')); });
  }
  EXPECT_THAT(message, AllOf(HasSubstr(folder.file("a")), HasSubstr("File too large")));
  EXPECT_EQ(read_file(folder.file("a")), "old");
  EXPECT_THAT(folder.names(), ElementsAre("a"));
}

TEST(CoreFiles, AReaderSeesTheOldOrTheNewFile) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), "old");
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(::stat(folder.file("a").c_str(), &before), 0);
  std::FILE* reader = std::fopen(folder.file("a").c_str(), "r");
  ASSERT_NE(reader, nullptr);
  write_file(folder.file("a"), "new");
  ASSERT_EQ(::stat(folder.file("a").c_str(), &after), 0);
  char seen[8] = {};
  EXPECT_EQ(std::fread(seen, 1, sizeof seen, reader), 3U);
  std::fclose(reader);
  EXPECT_STREQ(seen, "old");
  EXPECT_NE(before.st_ino, after.st_ino) << "the file was overwritten in place";
}

TEST(CoreFiles, AFullDiskIsSaidInOneSentence) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "there is no /dev/full";
  EXPECT_THAT(message_of([] { write_file("/dev/full", "bytes"); }),
              AllOf(HasSubstr("/dev/full"), HasSubstr("No space left")));
  struct stat status {};
  ASSERT_EQ(::stat("/dev/full", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode)) << "the device was replaced by a file";
}

TEST(CoreFiles, PathsThatCannotBeWrittenAreRefused) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), "a file");
  EXPECT_THAT(message_of([&] { write_file(folder.file("a/below"), "x"); }),
              AllOf(HasSubstr("a/below"), HasSubstr("Not a directory")));
  EXPECT_THAT(message_of([&] { write_file(folder.file("missing/b"), "x"); }),
              HasSubstr("No such file or directory"));
  EXPECT_THAT(message_of([&] { write_file(folder.file("."), "x"); }), HasSubstr("folder"));
  EXPECT_THAT(message_of([] { write_file("", "x"); }), HasSubstr("without a name"));
  EXPECT_THAT(folder.names(), ElementsAre("a"));
}

TEST(CoreFiles, ReadingWhatIsNoFileIsRefused) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of([&] { read_file(folder.file("none")); }),
              AllOf(HasSubstr("none"), HasSubstr("No such file")));
  EXPECT_THAT(message_of([&] { read_file(folder.file(".")); }), HasSubstr("Is a directory"));
  EXPECT_FALSE(file_exists(folder.file("none")));
  EXPECT_TRUE(file_exists(folder.file(".")));
}

TEST(CoreFiles, FoldersAreMadeWithTheirParents) {
  const TemporaryFolder folder;
  make_folder(folder.file("a/b/c"));
  make_folder(folder.file("a/b/c"));
  EXPECT_TRUE(file_exists(folder.file("a/b/c")));
  write_file(folder.file("f"), "");
  EXPECT_THAT(message_of([&] { make_folder(folder.file("f")); }), HasSubstr(folder.file("f")));
  EXPECT_THAT(message_of([&] { make_folder(folder.file("f/g")); }), HasSubstr("Not a directory"));
}

TEST(CoreFiles, AWritableFolderIsCheckedWithoutLeavingATrace) {
  const TemporaryFolder folder;
  require_writable_folder(folder.file("out/run"));
  EXPECT_TRUE(file_exists(folder.file("out/run")));
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("out/run")));
}

TEST(CoreFiles, AFolderThatTakesNoFilesIsRefused) {
  const TemporaryFolder folder;
  write_file(folder.file("f"), "");
  EXPECT_THAT(message_of([&] { require_writable_folder(folder.file("f")); }),
              HasSubstr(folder.file("f")));
  if (std::filesystem::is_directory("/proc/self")) {
    EXPECT_THAT(message_of([] { require_writable_folder("/proc/self"); }), HasSubstr("/proc/self"));
  }
  const FileSizeLimit full(0);
  EXPECT_THAT(message_of([&] { require_writable_folder(folder.file("out")); }),
              AllOf(HasSubstr("cannot write into"), HasSubstr("File too large")));
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("out")));
}

}  // namespace
}  // namespace ergon
