#include "ergon/rl/replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryFolder;

constexpr std::int64_t kObservation = 3, kAction = 2;

/// Transition `i`, of which every number tells `i` and its place.
void add_numbered(Replay& replay, int i) {
  const double observation[] = {i + 0.25, i + 0.5, i + 0.75};
  const double action[] = {i / 1024.0, -i / 1024.0};
  const double next[] = {i + 1.25, i + 1.5, i + 1.75};
  replay.add(observation, action, -i, i % 3 == 0, next);
}

Replay filled(std::int64_t capacity, int transitions) {
  Replay replay(capacity, kObservation, kAction);
  for (int i = 0; i < transitions; ++i) add_numbered(replay, i);
  return replay;
}

template <class Real>
Batch<Real> sampled(const Replay& replay, std::int64_t rows, std::uint64_t seed) {
  Batch<Real> batch;
  Pcg64 random(seed);
  replay.sample(rows, random, batch);
  return batch;
}

/// How often each transition is in a sample: [number] -> count.
std::vector<int> counts(const Replay& replay, std::int64_t rows, int transitions) {
  std::vector<int> counted(static_cast<std::size_t>(transitions), 0);
  for (const float reward : sampled<float>(replay, rows, 1).reward) {
    ++counted.at(static_cast<std::size_t>(-reward));
  }
  return counted;
}

std::int64_t resident_bytes() {
  long pages = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = -1;
  if (file != nullptr) std::fclose(file);
  return std::int64_t{resident} * 4096;
}

template <class Real>
class RlReplayBatch : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RlReplayBatch, Reals);

TYPED_TEST(RlReplayBatch, HasObservationAndActionSideBySide) {
  Replay one(4, kObservation, kAction);
  add_numbered(one, 5);
  const auto batch = sampled<TypeParam>(one, 2, 7);
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.stride(), 5);
  EXPECT_THAT(batch.input, ElementsAre(5.25, 5.5, 5.75, 5 / 1024.0, -5 / 1024.0,  //
                                       5.25, 5.5, 5.75, 5 / 1024.0, -5 / 1024.0));
  ASSERT_EQ(batch.next_input.size(), 10u);
  for (const int row : {0, 5}) {
    EXPECT_EQ(batch.next_input[row], TypeParam(6.25));
    EXPECT_EQ(batch.next_input[row + 1], TypeParam(6.5));
    EXPECT_EQ(batch.next_input[row + 2], TypeParam(6.75));
  }
  EXPECT_THAT(batch.reward, ElementsAre(-5, -5));
}

TYPED_TEST(RlReplayBatch, EndsWhereTheTransitionTerminated) {
  const auto batch = sampled<TypeParam>(filled(64, 64), 500, 3);
  for (std::size_t i = 0; i < 500; ++i) {
    const int number = static_cast<int>(-batch.reward[i]);
    EXPECT_EQ(batch.continues[i], number % 3 == 0 ? 0 : 1);
  }
}

TYPED_TEST(RlReplayBatch, KeepsTheNumbersOfATransitionTogether) {
  const auto batch = sampled<TypeParam>(filled(1000, 1700), 300, 4);
  for (std::size_t i = 0; i < 300; ++i) {
    const TypeParam number = -batch.reward[i];
    EXPECT_EQ(batch.input[5 * i + 2], number + TypeParam(0.75));
    EXPECT_EQ(batch.input[5 * i + 4], -number / 1024);
    EXPECT_EQ(batch.next_input[5 * i], number + TypeParam(1.25));
  }
}

TYPED_TEST(RlReplayBatch, LeavesTheRoomForTheNextActionAlone) {
  const Replay replay = filled(10, 10);
  auto batch = sampled<TypeParam>(replay, 20, 1);
  for (int row = 0; row < 20; ++row) batch.next_input[5 * row + 3] = TypeParam(0.125);
  Pcg64 random(2);
  replay.sample(20, random, batch);
  for (int row = 0; row < 20; ++row) EXPECT_EQ(batch.next_input[5 * row + 3], TypeParam(0.125));
}

TYPED_TEST(RlReplayBatch, DoesNotAllocateAgainForASmallerSize) {
  const Replay replay = filled(10, 10);
  auto batch = sampled<TypeParam>(replay, 20, 1);
  const TypeParam* before = batch.input.data();
  Pcg64 random(2);
  replay.sample(7, random, batch);
  replay.sample(20, random, batch);
  EXPECT_EQ(batch.input.data(), before);
  EXPECT_EQ(batch.rows, 20);
}

TEST(RlReplay, HoldsWhatWasAddedUntilItIsFull) {
  EXPECT_EQ(filled(10, 0).size(), 0);
  EXPECT_EQ(filled(10, 4).size(), 4);
  EXPECT_EQ(filled(10, 10).size(), 10);
  EXPECT_EQ(filled(10, 25).size(), 10);
  const std::vector<int> four = counts(filled(10, 4), 1000, 4);
  for (const int count : four) EXPECT_GT(count, 0);
}

TEST(RlReplay, OverwritesTheOldest) {
  const std::vector<int> counted = counts(filled(10, 23), 2000, 23);
  for (int i = 0; i < 23; ++i) {
    if (i < 13) {
      EXPECT_EQ(counted[i], 0) << i;
    } else {
      EXPECT_GT(counted[i], 0) << i;
    }
  }
}

TEST(RlReplay, DrawsEveryTransitionWithTheSameProbability) {
  constexpr int kTransitions = 101, kRows = 101000;
  double chi_square = 0.0;
  for (const int count : counts(filled(kTransitions, 150), kRows, 150)) {
    if (count > 0) chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  }
  // Chi-square of 100 degrees of freedom: its 0.001 % and 99.999 % points.
  EXPECT_GT(chi_square, 50.0);
  EXPECT_LT(chi_square, 173.0);
}

TEST(RlReplay, DrawsTheSameRowsForTheSameSeed) {
  const Replay replay = filled(100, 100);
  EXPECT_EQ(sampled<float>(replay, 256, 5).reward, sampled<float>(replay, 256, 5).reward);
  EXPECT_NE(sampled<float>(replay, 256, 5).reward, sampled<float>(replay, 256, 6).reward);
  const auto narrow = sampled<float>(replay, 256, 5).input;
  const auto wide = sampled<double>(replay, 256, 5).input;
  EXPECT_EQ(std::vector<double>(narrow.begin(), narrow.end()), wide);
}

TEST(RlReplay, ConsumesOneDrawARow) {
  // What follows in the stream does not depend on rows being fetched ahead.
  const Replay replay = filled(64, 64);  // a power of two: Lemire's method never draws again
  for (const std::int64_t rows : {1, 15, 16, 17, 100}) {
    Pcg64 random(8), expected(8);
    Batch<float> batch;
    replay.sample(rows, random, batch);
    for (std::int64_t i = 0; i < rows; ++i) {
      EXPECT_EQ(batch.reward[i], -static_cast<float>(expected.below(64)));
    }
    EXPECT_EQ(random.state(), expected.state());
  }
}

TEST(RlReplay, TouchesNoMemoryBeforeItIsUsed) {
  const std::int64_t before = resident_bytes();
  if (before < 0) GTEST_SKIP() << "no /proc/self/statm";
  Replay replay(1000000, 111, 8);
  const std::vector<double> numbers(111, 0.5);
  replay.add(numbers.data(), numbers.data(), 1.0, false, numbers.data());
  EXPECT_LT(resident_bytes() - before, std::int64_t{32} << 20) << "of 928 MB";
}

TEST(RlReplay, RefusesSizesBelowOneAndBeyondMemory) {
  EXPECT_THROW(Replay(0, 3, 2), InvalidInput);
  EXPECT_THROW(Replay(10, 0, 2), InvalidInput);
  EXPECT_THROW(Replay(10, 3, -1), InvalidInput);
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(message_of([] { Replay(kHuge, 3, 2); }), HasSubstr("lower its capacity"));
  EXPECT_THAT(message_of([] { Replay(10, kHuge, 2); }), HasSubstr("beyond any memory"));
  EXPECT_THAT(message_of([] { Replay(std::int64_t{1} << 39, 400, 20); }), HasSubstr("GiB"));
}

TEST(RlReplay, RefusesToSampleNothing) {
  const Replay empty(10, kObservation, kAction);
  EXPECT_THAT(message_of([&] { sampled<float>(empty, 4, 1); }), HasSubstr("empty replay"));
  EXPECT_THROW(sampled<float>(filled(4, 4), -1, 1), InvalidInput);
  EXPECT_EQ(sampled<float>(filled(4, 4), 0, 1).input.size(), 0u);
}

class RlReplayFile : public ::testing::Test {
 protected:
  std::string written(const Replay& replay) const {
    SafetensorsWriter writer;
    replay.save(writer);
    const std::string path = folder_.file("replay.safetensors");
    writer.save(path);
    return path;
  }
  TemporaryFolder folder_;
};

TEST_F(RlReplayFile, ContinuesAsIfItHadNotBeenSaved) {
  for (const int transitions : {0, 1, 7, 10, 23, 30}) {
    Replay original = filled(10, transitions);
    Replay loaded = filled(10, 4);
    loaded.load(SafetensorsFile(written(original)));
    EXPECT_EQ(loaded.size(), original.size());
    for (int i = 100; i < 105; ++i) {
      add_numbered(original, i);
      add_numbered(loaded, i);
      const auto expected = sampled<float>(original, 50, 3), actual = sampled<float>(loaded, 50, 3);
      EXPECT_EQ(actual.input, expected.input);
      EXPECT_EQ(actual.reward, expected.reward);
      EXPECT_EQ(actual.continues, expected.continues);
    }
  }
}

TEST_F(RlReplayFile, HasNoMoreRowsThanWereAdded) {
  const SafetensorsFile file(written(filled(1000, 7)));
  EXPECT_THAT(file.shape("replay.rows"), ElementsAre(7, 10));
}

TEST_F(RlReplayFile, OfOtherSizesIsRefusedByName) {
  const SafetensorsFile file(written(filled(10, 23)));
  Replay other(11, kObservation, kAction);
  EXPECT_THAT(message_of([&] { other.load(file); }), HasSubstr(file.path()));
  Replay wide(10, kObservation + 1, kAction - 1);
  EXPECT_THROW(wide.load(file), InvalidInput);
}

TEST_F(RlReplayFile, WithAnImpossiblePositionIsRefusedAndChangesNothing) {
  const std::vector<float> rows(100, 1.0f);
  using Position = std::vector<std::int64_t>;
  for (const Position& position : {Position{11, 0}, Position{10, 10}, Position{10, -1},
                                   Position{5, 4}, Position{-1, -1}, Position{5, 5, 5}}) {
    SafetensorsWriter writer;
    writer.add("replay.rows", {10, 10}, rows.data());
    writer.add_copy("replay.position", position);
    writer.add_copy("replay.sizes", Position{10, kObservation, kAction});
    const std::string path = folder_.file("broken.safetensors");
    writer.save(path);
    Replay replay = filled(10, 6);
    EXPECT_THAT(message_of([&] { replay.load(SafetensorsFile(path)); }), HasSubstr(path));
    EXPECT_EQ(replay.size(), 6);
    EXPECT_EQ(sampled<float>(replay, 50, 3).input, sampled<float>(filled(10, 6), 50, 3).input);
  }
}

TEST_F(RlReplayFile, WithFewerRowsThanItsPositionSaysIsRefused) {
  SafetensorsWriter writer;
  const std::vector<float> rows(100, 1.0f);
  writer.add("replay.rows", {9, 10}, rows.data());
  writer.add_copy("replay.position", std::vector<std::int64_t>{10, 3});
  writer.add_copy("replay.sizes", std::vector<std::int64_t>{10, kObservation, kAction});
  const std::string path = folder_.file("short.safetensors");
  writer.save(path);
  Replay replay = filled(10, 6);
  EXPECT_THAT(message_of([&] { replay.load(SafetensorsFile(path)); }), HasSubstr("replay.rows"));
  EXPECT_EQ(replay.size(), 6);
}

}  // namespace
}  // namespace ergon
