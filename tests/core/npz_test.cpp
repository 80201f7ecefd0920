#include "ergon/core/npz.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "ergon/core/files.hpp"
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

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

/// numpy.savez_compressed(label=array('mlp'), x=arange(-2, 4, dtype=int32).reshape(2, 3)) by
/// NumPy 2.4: zip64 fields, deflated.
const char* const kCompressed =
    "504b03042d00000008000000210043f90d90ffffffffffffffff090014006c6162656c2e6e7079010010008c"
    "000000000000004b000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e136aacaea3a09e"
    "965f54529498179f5f94920a12774bcc294e058a17672416a402f91a9a3a0ab50a1401ae5c0606861c202e00"
    "6200504b03042d0000000800000021003b568444ffffffffffffffff05001400782e6e707901001000980000"
    "000000000054000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9369a2aea3a09e965f"
    "54529498179f5f94920a12774bcc294e058a17672416a402f91a463a0ac69a3a0ab50a6403ae7fff21800108"
    "188198098899811800504b01022d032d00000008000000210043f90d904b0000008c00000009000000000000"
    "00000000008001000000006c6162656c2e6e7079504b01022d032d0000000800000021003b56844454000000"
    "98000000050000000000000000000000800186000000782e6e7079504b050600000000020002006a00000011"
    "0100000000";

/// numpy.savez_compressed(f=asfortranarray(arange(6.).reshape(2, 3))).
const char* const kFortran =
    "504b03042d000000080000002100e4c80660ffffffffffffffff05001400662e6e707901001000b000000000"
    "00000057000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a1aea3a09e965f5452"
    "9498179f5f94920a120f292a4d050a17672416a402b91a463a0ac69a3a0ab50ae4032e0614c0e100a13fd843"
    "6801289f014a8b380000504b01022d032d000000080000002100e4c8066057000000b0000000050000000000"
    "000000000000800100000000662e6e7079504b05060000000001000100330000008e0000000000";

template <class T>
NpzArray make(std::string name,
              ElementType type,
              std::vector<std::int64_t> shape,
              std::vector<T> values) {
  NpzArray array{std::move(name), type, std::move(shape), {}};
  array.bytes.resize(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

std::vector<NpzArray> examples() {
  return {
      make<double>("x", ElementType::kFloat64, {2, 3}, {0.1, -0.0, NAN, INFINITY, 5e-324, 1e308}),
      make<float>("w/layer 0", ElementType::kFloat32, {4}, {1.5F, -2.0F, 1e-40F, 3.0F}),
      make<std::int64_t>("step", ElementType::kInt64, {}, {-123456789012345}),
      make<std::uint8_t>("bytes", ElementType::kUInt8, {1, 3}, {0, 127, 255}),
      make<std::uint8_t>("mask", ElementType::kBool, {2}, {1, 0}),
      make<double>("none", ElementType::kFloat64, {0, 5}, {}),
  };
}

/// Not by write_file, which waits for the disk every time.
void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(CoreNpz, EveryTypeAndShapeComesBackBitForBit) {
  const TemporaryFolder folder;
  const std::vector<NpzArray> written = examples();
  write_npz(folder.file("a.npz"), written);
  const std::vector<NpzArray> read = read_npz(folder.file("a.npz"));
  ASSERT_EQ(read.size(), written.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].name, written[i].name);
    EXPECT_EQ(read[i].type, written[i].type);
    EXPECT_EQ(read[i].shape, written[i].shape);
    EXPECT_EQ(read[i].bytes, written[i].bytes);
  }
  write_npz(folder.file("b.npz"), {});
  EXPECT_THAT(read_npz(folder.file("b.npz")), IsEmpty());
}

TEST(CoreNpz, EqualArraysMakeEqualFiles) {
  const TemporaryFolder folder;
  write_npz(folder.file("a.npz"), examples());
  write_npz(folder.file("b.npz"), examples());
  EXPECT_EQ(read_file(folder.file("a.npz")), read_file(folder.file("b.npz")));
}

TEST(CoreNpz, NumpysCompressedFilesAreReadAndStringsSkipped) {
  const TemporaryFolder folder;
  write_bytes(folder.file("a.npz"), from_hex(kCompressed));
  const std::vector<NpzArray> arrays = read_npz(folder.file("a.npz"));
  ASSERT_EQ(arrays.size(), 1U);
  EXPECT_EQ(arrays[0].name, "x");
  EXPECT_EQ(arrays[0].type, ElementType::kInt64) << "int32 becomes int64";
  EXPECT_THAT(arrays[0].shape, ElementsAre(2, 3));
  std::vector<std::int64_t> values(6);
  ASSERT_EQ(arrays[0].bytes.size(), 48U);
  std::memcpy(values.data(), arrays[0].bytes.data(), 48);
  EXPECT_THAT(values, ElementsAre(-2, -1, 0, 1, 2, 3));
}

TEST(CoreNpz, FortranOrderIsRefusedWithAdvice) {
  const TemporaryFolder folder;
  write_bytes(folder.file("f.npz"), from_hex(kFortran));
  EXPECT_THAT(message_of([&] { read_npz(folder.file("f.npz")); }),
              AllOf(HasSubstr("f.npz"), HasSubstr("'f'"), HasSubstr("ascontiguousarray")));
}

TEST(CoreNpz, ForeignFilesAreRefused) {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& bytes) {
    write_bytes(folder.file("a.npz"), bytes);
    return message_of([&] { read_npz(folder.file("a.npz")); });
  };
  EXPECT_THAT(refusal(""), AllOf(HasSubstr("a.npz"), HasSubstr("not an .npz file")));
  EXPECT_THAT(refusal("a,b\n1,2\n"), HasSubstr("not an .npz file"));
  EXPECT_THAT(refusal("\x93NUMPY\x01"), HasSubstr("numpy.savez"));
  EXPECT_THAT(refusal("PK only"), HasSubstr("cut short"));
  EXPECT_THAT(message_of([&] { read_npz(folder.file("none.npz")); }), HasSubstr("No such file"));
  // A zip archive of something else: another name for the only member.
  std::string zip = from_hex(kFortran);
  for (std::size_t at; (at = zip.find("f.npy")) != std::string::npos;) zip.replace(at, 5, "f.txt");
  EXPECT_THAT(refusal(zip), AllOf(HasSubstr("'f.txt'"), HasSubstr("not an array")));
}

TEST(CoreNpz, EveryTruncationIsRefused) {
  const TemporaryFolder folder;
  write_npz(folder.file("a.npz"), examples());
  const std::string whole = read_file(folder.file("a.npz"));
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    write_bytes(folder.file("b.npz"), whole.substr(0, size));
    EXPECT_THROW(read_npz(folder.file("b.npz")), InvalidInput) << size << " bytes";
  }
}

TEST(CoreNpz, ADamagedByteOfTheDataIsFoundByItsChecksum) {
  const TemporaryFolder folder;
  write_npz(folder.file("a.npz"), examples());
  std::string bytes = read_file(folder.file("a.npz"));
  constexpr std::size_t kFirstData = 30 + 5 + 128;  // local header, "x.npy", .npy header
  bytes[kFirstData + 3] = static_cast<char>(bytes[kFirstData + 3] ^ 1);
  write_bytes(folder.file("b.npz"), bytes);
  EXPECT_THAT(message_of([&] { read_npz(folder.file("b.npz")); }),
              AllOf(HasSubstr("b.npz"), HasSubstr("'x.npy'"), HasSubstr("checksum")));
}

TEST(CoreNpz, RandomDamageIsRefusedOrHarmless) {
  const TemporaryFolder folder;
  write_npz(folder.file("a.npz"), examples());
  const std::vector<std::string> originals = {read_file(folder.file("a.npz")),
                                              from_hex(kCompressed)};
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 600; ++round) {
    std::string bytes = originals[static_cast<std::size_t>(round) % 2];
    for (int change = 0; change < 3; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    write_bytes(folder.file("b.npz"), bytes);
    try {
      read_npz(folder.file("b.npz"));
    } catch (const InvalidInput&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 300);
}

TEST(CoreNpz, AFullDiskLeavesNothingBehind) {
  const TemporaryFolder folder;
  {
    const FileSizeLimit limit(4096);
    const NpzArray large =
        make<double>("x", ElementType::kFloat64, {2000}, std::vector<double>(2000));
    EXPECT_THAT(message_of([&] { write_npz(folder.file("a.npz"), {large}); }),
                HasSubstr("File too large"));
  }
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(CoreNpz, NamesThatCannotBeReadBackAreRefused) {
  const TemporaryFolder folder;
  const NpzArray x = make<double>("x", ElementType::kFloat64, {1}, {1.0});
  EXPECT_THAT(message_of([&] { write_npz(folder.file("a.npz"), {x, x}); }), HasSubstr("'x'"));
  NpzArray nameless = x;
  nameless.name.clear();
  EXPECT_THAT(message_of([&] { write_npz(folder.file("a.npz"), {nameless}); }), HasSubstr("name"));
  NpzArray wrong = x;
  wrong.shape = {2};
  EXPECT_THROW(write_npz(folder.file("a.npz"), {wrong}), BrokenPromise);
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(CoreNpz, TheGoldenFilesAreRead) {
  const std::filesystem::path golden = ERGON_SOURCE_DIR "/../shared/golden/stein_step";
  if (!std::filesystem::is_directory(golden)) GTEST_SKIP() << "no golden data beside the project";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden)) {
    if (entry.path().extension() != ".npz") continue;
    ++files;
    bool has_points = false;
    for (const NpzArray& array : read_npz(entry.path().string())) {
      std::size_t count = element_size(array.type);
      for (const std::int64_t size : array.shape) count *= static_cast<std::size_t>(size);
      EXPECT_EQ(array.bytes.size(), count) << entry.path() << ' ' << array.name;
      if (array.name == "x") {
        has_points = array.type == ElementType::kFloat64 && array.shape.size() == 2;
      }
    }
    EXPECT_TRUE(has_points) << entry.path();
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace ergon
