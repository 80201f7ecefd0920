#include "ergon/core/crc32c.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ergon/core/pcg64.hpp"

namespace ergon {
namespace {

std::string random_bytes(std::size_t count) {
  Pcg64 random(3);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

/// Bit by bit, as the polynomial division is defined.
std::uint32_t by_bits(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
  }
  return ~crc;
}

TEST(CoreCrc32c, FollowsItsTestVectorsWithAndWithoutTheInstruction) {
  for (const auto& sum : {crc32c, internal::crc32c_by_tables}) {
    EXPECT_EQ(sum("123456789", 0), 0xE3069283U);
    EXPECT_EQ(sum("", 0), 0U);
    // RFC 3720, appendix B.4.
    EXPECT_EQ(sum(std::string(32, '\0'), 0), 0x8A9136AAU);
    EXPECT_EQ(sum(std::string(32, '\xFF'), 0), 0x62A8AB43U);
  }
}

TEST(CoreCrc32c, IsThePolynomialDivisionForEveryLengthAndAlignment) {
  const std::string bytes = random_bytes(64);
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t length = 0; begin + length <= bytes.size(); ++length) {
      const std::string_view part = std::string_view(bytes).substr(begin, length);
      EXPECT_EQ(crc32c(part), by_bits(part)) << begin << " " << length;
      EXPECT_EQ(internal::crc32c_by_tables(part), by_bits(part)) << begin << " " << length;
    }
  }
}

TEST(CoreCrc32c, OfPiecesIsThatOfTheWhole) {
  const std::string bytes = random_bytes(100);
  const std::string_view all = bytes;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(crc32c(all.substr(cut), crc32c(all.substr(0, cut))), crc32c(all));
    EXPECT_EQ(
        internal::crc32c_by_tables(all.substr(cut), internal::crc32c_by_tables(all.substr(0, cut))),
        crc32c(all));
  }
}

}  // namespace
}  // namespace ergon
