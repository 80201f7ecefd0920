#include "ergon/core/random.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "ergon/core/errors.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_same_bits;

Tensor doubles(at::IntArrayRef shape) { return at::empty(shape, at::kDouble); }

/// Standard errors that a right result stays within but for one run in 100,000 (two-sided normal).
constexpr double kStandardErrors = 4.42;

TEST(CoreSeed, ChildDependsOnSeedPurposeAndIndex) {
  std::set<std::uint64_t> values;
  for (std::uint64_t seed : {0, 1, 2}) {
    for (const char* purpose : {"", "a", "b", "ab", "particles", "probe"}) {
      for (std::uint64_t index = 0; index < 100; ++index) {
        values.insert(Seed(seed).child(purpose, index).value());
      }
    }
  }
  EXPECT_EQ(values.size(), 3u * 6u * 100u);
}

TEST(CoreSeed, ChildOfChildDiffersFromTheOtherOrder) {
  const Seed seed(7);
  EXPECT_NE(seed.child("a").child("b").value(), seed.child("b").child("a").value());
  EXPECT_NE(seed.child("a", 1).child("b").value(), seed.child("a").child("b", 1).value());
}

TEST(CoreSeed, ValuesAreTheSameOnEveryMachine) {
  // A change here changes the numbers of every run ever made: it belongs into the changelog.
  EXPECT_EQ(Seed(7).child("particles").value(), 7409464430433719528u);
  EXPECT_EQ(Seed(7).child("probe", 3).value(), 14368939976308024184u);
  const Tensor bits = draw::integers(3, 1000000, Seed(7).generator());
  EXPECT_EQ(bits[0].item<std::int64_t>(), 59424);
  EXPECT_EQ(bits[1].item<std::int64_t>(), 563832);
  EXPECT_EQ(bits[2].item<std::int64_t>(), 491658);
}

TEST(CoreSeed, EveryBitOfASeedFlipsAboutHalfTheBitsOfItsChildren) {
  for (int bit = 0; bit < 64; ++bit) {
    int flipped = 0;
    for (std::uint64_t index = 0; index < 64; ++index) {
      const std::uint64_t seed = 0x123456789abcdef * (index + 1);
      flipped += __builtin_popcountll(Seed(seed).child("x").value() ^
                                      Seed(seed ^ (1ull << bit)).child("x").value());
    }
    // 64 · 64 fair bits: mean 2048, standard deviation 32.
    EXPECT_NEAR(flipped, 2048, kStandardErrors * 32) << "bit " << bit;
  }
}

TEST(CoreSeed, SameSeedGivesTheSameStream) {
  const Tensor like = doubles({100});
  expect_same_bits(draw::normal_like(like, Seed(5).generator()),
                   draw::normal_like(like, Seed(5).generator()), "stream of seed 5");
}

TEST(CoreSeed, SeedsThatShareTheirLow32BitsGiveDifferentStreams) {
  const Tensor like = doubles({100});
  const Tensor low = draw::normal_like(like, Seed(5).generator());
  const Tensor high = draw::normal_like(like, Seed(5 + (1ull << 32)).generator());
  EXPECT_EQ(low.eq(high).sum().item<std::int64_t>(), 0);
}

TEST(CoreSeed, StreamsOfNeighbouringSeedsAreUncorrelated) {
  constexpr std::int64_t count = 20000;
  const Tensor like = doubles({count});
  const Tensor a = draw::normal_like(like, Seed(1).generator());
  const Tensor b = draw::normal_like(like, Seed(2).generator());
  const Tensor c = draw::normal_like(like, Seed(1).child("c", 1).generator());
  const Tensor d = draw::normal_like(like, Seed(1).child("c", 2).generator());
  const double standard_error = 1 / std::sqrt(double(count));
  EXPECT_NEAR(a.dot(b).item<double>() / count, 0, kStandardErrors * standard_error);
  EXPECT_NEAR(c.dot(d).item<double>() / count, 0, kStandardErrors * standard_error);
}

TEST(CoreSeed, GeneratorStateSavedAndRestoredContinuesTheStream) {
  const Tensor like = doubles({7});  // odd: libtorch keeps one normal number back
  Generator generator = Seed(3).generator();
  draw::normal_like(like, generator);
  const Tensor state = generator.get_state();
  const Tensor expected = draw::normal_like(like, generator);
  Generator restored = Seed(4).generator();
  restored.set_state(state);
  expect_same_bits(draw::normal_like(like, restored), expected, "continued stream");
}

TEST(CoreDraw, LeavesTheGlobalGeneratorAlone) {
  const Tensor before = at::detail::getDefaultCPUGenerator().get_state();
  Generator generator = Seed(1).generator();
  draw::normal_like(doubles({100}), generator);
  draw::uniform_like(doubles({100}), generator);
  draw::rademacher_like(doubles({100}), generator);
  draw::integers(100, 10, generator);
  expect_same_bits(at::detail::getDefaultCPUGenerator().get_state(), before, "global generator");
}

TEST(CoreDraw, KeepsShapeAndType) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Tensor like = at::empty({3, 0, 2}, type);
    const Tensor big = at::empty({3, 4}, type);
    for (auto* drawn : {draw::normal_like, draw::uniform_like, draw::rademacher_like}) {
      EXPECT_EQ(drawn(like, Seed(1).generator()).sizes(), like.sizes());
      EXPECT_EQ(drawn(big, Seed(1).generator()).sizes(), big.sizes());
      EXPECT_EQ(drawn(big, Seed(1).generator()).scalar_type(), type);
    }
  }
}

TEST(CoreDraw, CarriesNoGraphFromItsModel) {
  const Tensor like = at::ones({4}, at::kDouble).requires_grad_();
  EXPECT_FALSE(draw::normal_like(like, Seed(1).generator()).requires_grad());
  EXPECT_FALSE(draw::rademacher_like(like, Seed(1).generator()).requires_grad());
}

TEST(CoreDraw, NormalNumbersHaveTheMomentsOfTheStandardNormal) {
  constexpr double count = 100000;
  const Tensor z = draw::normal_like(doubles({100000}), Seed(11).generator());
  EXPECT_NEAR(z.mean().item<double>(), 0, kStandardErrors * std::sqrt(1 / count));
  EXPECT_NEAR(z.pow(2).mean().item<double>(), 1, kStandardErrors * std::sqrt(2 / count));
  EXPECT_NEAR(z.pow(3).mean().item<double>(), 0, kStandardErrors * std::sqrt(15 / count));
  EXPECT_NEAR(z.pow(4).mean().item<double>(), 3, kStandardErrors * std::sqrt(96 / count));
}

TEST(CoreDraw, UniformNumbersFillTheUnitInterval) {
  constexpr double count = 100000;
  const Tensor u = draw::uniform_like(doubles({100000}), Seed(12).generator());
  EXPECT_GE(u.min().item<double>(), 0);
  EXPECT_LT(u.max().item<double>(), 1);
  EXPECT_NEAR(u.mean().item<double>(), 0.5, kStandardErrors * std::sqrt(1 / (12 * count)));
  EXPECT_NEAR(u.pow(2).mean().item<double>(), 1.0 / 3,
              kStandardErrors * std::sqrt(4 / (45 * count)));
}

TEST(CoreDraw, SignsAreFairAndNothingElse) {
  constexpr double count = 100000;
  const Tensor signs = draw::rademacher_like(doubles({100000}), Seed(13).generator());
  EXPECT_TRUE(signs.abs().eq(1).all().item<bool>());
  EXPECT_NEAR(signs.mean().item<double>(), 0, kStandardErrors / std::sqrt(count));
}

TEST(CoreDraw, IntegersCoverTheirRangeEvenly) {
  constexpr std::int64_t count = 50000;
  const Tensor counts = draw::integers(count, 5, Seed(14).generator()).bincount();
  ASSERT_EQ(counts.numel(), 5);
  for (int value = 0; value < 5; ++value) {
    EXPECT_NEAR(counts[value].item<double>(), count / 5, kStandardErrors * std::sqrt(count * 0.16));
  }
}

TEST(CoreDraw, RejectsIntegerModelsAndEmptyRanges) {
  EXPECT_THROW(draw::normal_like(at::empty({2}, at::kLong), Seed(1).generator()), InvalidInput);
  EXPECT_THROW(draw::uniform_like(at::empty({2}, at::kLong), Seed(1).generator()), InvalidInput);
  EXPECT_THROW(draw::rademacher_like(at::empty({2}, at::kInt), Seed(1).generator()), InvalidInput);
  EXPECT_THROW(draw::integers(3, 0, Seed(1).generator()), InvalidInput);
  EXPECT_THROW(draw::integers(-1, 3, Seed(1).generator()), InvalidInput);
}

}  // namespace
}  // namespace ergon
