#include "ergon/core/pcg64.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string_view>
#include <vector>

#include "ergon/core/crc32c.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

/// Standard errors that a right result stays within but for one run in 100,000 (two-sided normal).
constexpr double kStandardErrors = 4.42;

std::uint32_t sum_of(const std::vector<double>& numbers) {
  return crc32c({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)});
}

/// What numpy.random.default_rng(seed) of NumPy 2.4.6 gives.
struct NumpyStream {
  std::uint64_t seed;
  std::uint64_t words[3];
  double uniform;                ///< the first
  double normal;                 ///< the first
  std::uint32_t sum_of_uniform;  ///< CRC-32C of the bytes of random(1000)
  std::uint32_t sum_of_normal;   ///< of standard_normal(20000)
};

// Seeds of one and of two 32-bit words, at both sides of the boundary.
constexpr NumpyStream kStreams[] = {{0u,
                                     {0xa30febcfd9c2825f, 0x4510bdf882d9d721, 0xa7d3da94ecde8b8},
                                     0x1.461fd79fb3850p-1,
                                     0x1.017ed89db8441p-3,
                                     0x4b964ac7,
                                     0x61827bcf},
                                    {1u,
                                     {0x8306bdf37922e4ff, 0xf35196bbc152a866, 0x24e7a4f608ec18cd},
                                     0x1.060d7be6f245cp-1,
                                     0x1.61e0d28bbb3a1p-2,
                                     0x897be925,
                                     0x795c6f27},
                                    {42u,
                                     {0xc621fbcd16d92688, 0x705a5661a791ffc1, 0xdbcd12c26eda1624},
                                     0x1.8c43f79a2db24p-1,
                                     0x1.3807c1104fc6bp-2,
                                     0x09b3351c,
                                     0xcba95761},
                                    {4294967295u,
                                     {0x407f5fa930d8fd9f, 0x3814b22eb9684802, 0x498b7dcee8d8dc95},
                                     0x1.01fd7ea4c363ep-2,
                                     -0x1.bed210a08635ep-6,
                                     0xee2f97e7,
                                     0xd5b5afcd},
                                    {4294967296u,
                                     {0xe3c5ebe285ac1625, 0x8ea09968fe31dbcc, 0xcd084ff84d8de9be},
                                     0x1.c78bd7c50b582p-1,
                                     0x1.a5c170234e89ep-4,
                                     0x708f39eb,
                                     0x7d56ef5e},
                                    {123456789012345u,
                                     {0x87ae8961b8510ee6, 0xb608e9cda245b8f, 0xc1e268f093dfa25c},
                                     0x1.0f5d12c370a21p-1,
                                     0x1.327b8f16c9bb4p-1,
                                     0x92430bc5,
                                     0x1816659d},
                                    {18446744073709551615u,
                                     {0xae163a7a8c47568f, 0xd86659f5f3382359, 0x1e52b195bc2d24a},
                                     0x1.5c2c74f5188eap-1,
                                     0x1.715303191d87bp-1,
                                     0x547c1775,
                                     0x3ebd8d09}};

TEST(CorePcg64, GivesNumpysBits) {
  for (const NumpyStream& expected : kStreams) {
    Pcg64 random(expected.seed);
    for (const std::uint64_t word : expected.words) EXPECT_EQ(random.next(), word);
  }
}

TEST(CorePcg64, GivesNumpysUniformNumbers) {
  for (const NumpyStream& expected : kStreams) {
    Pcg64 random(expected.seed);
    std::vector<double> numbers(1000);
    for (double& number : numbers) number = random.uniform();
    EXPECT_EQ(numbers.front(), expected.uniform);
    EXPECT_EQ(sum_of(numbers), expected.sum_of_uniform) << "seed " << expected.seed;
  }
}

TEST(CorePcg64, GivesNumpysNormalNumbersToTheLastBit) {
  // Of 20,000 numbers about 5 lie in the tail and 130 were decided by the exponential.
  for (const NumpyStream& expected : kStreams) {
    Pcg64 random(expected.seed);
    std::vector<double> numbers(20000);
    for (double& number : numbers) number = random.normal();
    EXPECT_EQ(numbers.front(), expected.normal);
    EXPECT_EQ(sum_of(numbers), expected.sum_of_normal) << "seed " << expected.seed;
  }
}

TEST(CorePcg64, GivesNumpysTailOnBothSides) {
  Pcg64 random(42);
  std::vector<double> numbers(20000);
  for (double& number : numbers) number = random.normal();
  EXPECT_EQ(numbers[5627], -0x1.18e740dc1907ap+2);
  EXPECT_EQ(numbers[8091], 0x1.01a719e2bdb3fp+2);
  EXPECT_EQ(numbers[11589], 0x1.09adf06585883p+2);
  EXPECT_EQ(numbers[13755], -0x1.f1a3929a406b2p+1);
}

TEST(CorePcg64, StreamsAreNumpysSeedSequenceOfSeedHashAndIndex) {
  struct Case {
    std::uint64_t seed;
    std::string_view purpose;
    std::uint64_t index;
    std::uint64_t words[2];
  };
  // PCG64(SeedSequence([seed, FNV-1a of the purpose, index])).random_raw(2)
  const Case cases[] = {
      {0, "environment", 0, {0x7f095afc1eecdc1, 0x5da9a372e44af16b}},
      {0, "environment", 1, {0xbae23ced62dbc82a, 0x5aa6110443d52594}},
      {1, "replay", 0, {0x65ff2c90aec36d84, 0xbfc558725c3d1564}},
      {9223372036854775813u, "", 1099511627776u, {0xf391067b23d7bfb9, 0x67e7bfd5b13045e9}}};
  for (const Case& expected : cases) {
    Pcg64 random = Pcg64::stream(expected.seed, expected.purpose, expected.index);
    for (const std::uint64_t word : expected.words) EXPECT_EQ(random.next(), word);
  }
}

TEST(CorePcg64, StreamsOfNeighboursAreUncorrelated) {
  constexpr int kNumbers = 20000;
  const auto correlation = [](Pcg64 x, Pcg64 y) {
    double sum = 0.0;
    for (int i = 0; i < kNumbers; ++i) sum += x.normal() * y.normal();
    return sum / kNumbers;
  };
  // The product of two independent normals has mean 0 and variance 1.
  const double bound = kStandardErrors / std::sqrt(kNumbers);
  const Pcg64 base = Pcg64::stream(3, "replay", 0);
  EXPECT_LT(std::abs(correlation(base, Pcg64::stream(3, "replay", 1))), bound);
  EXPECT_LT(std::abs(correlation(base, Pcg64::stream(4, "replay", 0))), bound);
  EXPECT_LT(std::abs(correlation(base, Pcg64::stream(3, "replaz", 0))), bound);
  EXPECT_LT(std::abs(correlation(base, Pcg64(3))), bound);
}

TEST(CorePcg64, NormalNumbersHaveTheMomentsOfTheNormalDistribution) {
  constexpr int kNumbers = 400000;
  Pcg64 random(11);
  double mean = 0.0, square = 0.0, cube = 0.0, fourth = 0.0;
  for (int i = 0; i < kNumbers; ++i) {
    const double x = random.normal();
    mean += x / kNumbers;
    square += x * x / kNumbers;
    cube += x * x * x / kNumbers;
    fourth += x * x * x * x / kNumbers;
  }
  // Variances of x, x^2, x^3 and x^4: 1, 2, 15 and 96.
  const double error = kStandardErrors / std::sqrt(kNumbers);
  EXPECT_NEAR(mean, 0.0, error);
  EXPECT_NEAR(square, 1.0, error * std::sqrt(2.0));
  EXPECT_NEAR(cube, 0.0, error * std::sqrt(15.0));
  EXPECT_NEAR(fourth, 3.0, error * std::sqrt(96.0));
}

TEST(CorePcg64, UniformNumbersStayWithinTheirBounds) {
  Pcg64 random(5), same(5);
  for (int i = 0; i < 1000; ++i) {
    const double number = random.uniform(-0.1, 0.1);
    EXPECT_GE(number, -0.1);
    EXPECT_LT(number, 0.1);
    EXPECT_EQ(number, -0.1 + 0.2 * same.uniform());
  }
}

TEST(CorePcg64, IntegersBelowABoundAreEquallyLikely) {
  constexpr int kBound = 13, kNumbers = 130000;
  Pcg64 random(17);
  std::vector<int> counts(kBound, 0);
  for (int i = 0; i < kNumbers; ++i) ++counts.at(random.below(kBound));
  double chi_square = 0.0;
  const double expected = static_cast<double>(kNumbers) / kBound;
  for (const int count : counts) chi_square += (count - expected) * (count - expected) / expected;
  // The 99.999 % point of chi-square with 12 degrees of freedom.
  EXPECT_LT(chi_square, 46.0);
}

TEST(CorePcg64, IntegersBelowABoundNearTheTopAreNotBiased) {
  // Without rejection, with a bound of 3/4 of 2^64 a third of the integers is twice as likely: the
  // share of the multiples of 3 would be 1/2.
  constexpr std::uint64_t kBound = std::uint64_t{3} << 62;
  constexpr int kNumbers = 90000;
  Pcg64 random(23);
  int multiples = 0;
  for (int i = 0; i < kNumbers; ++i) {
    const std::uint64_t number = random.below(kBound);
    ASSERT_LT(number, kBound);
    multiples += number % 3 == 0 ? 1 : 0;
  }
  EXPECT_NEAR(multiples, kNumbers / 3.0, kStandardErrors * std::sqrt(kNumbers * 2.0 / 9.0));
}

TEST(CorePcg64, TheOnlyIntegerBelowOneIsZero) {
  Pcg64 random(1);
  EXPECT_EQ(random.below(1), 0u);
  EXPECT_EQ(random.below(1), 0u);
  EXPECT_THROW(random.below(0), BrokenPromise);
}

TEST(CorePcg64, ContinuesFromASavedState) {
  Pcg64 random(9);
  for (int i = 0; i < 100; ++i) random.normal();
  const Pcg64::State state = random.state();
  Pcg64 resumed;
  resumed.set_state(state);
  EXPECT_EQ(resumed.state(), state);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(resumed.normal(), random.normal());
}

TEST(CorePcg64, StateIsNumpysStateAndIncrement) {
  // default_rng(42).bit_generator.state
  const Pcg64::State expected = {0xcea44f6798798f2a, 0xacbc7c9d68860ac8, 0xfa505436c9a8416e,
                                 0x66caf2e28d25abff};
  EXPECT_EQ(Pcg64(42).state(), expected);
}

TEST(CorePcg64, RefusesAStateThatNoGeneratorHas) {
  Pcg64 random(3);
  const Pcg64::State before = random.state();
  EXPECT_THROW(random.set_state({1, 2, 3, 4}), InvalidInput);
  EXPECT_EQ(random.state(), before);
}

}  // namespace
}  // namespace ergon
