#include "ergon/stein/ring.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mpi.h>

#include <cmath>
#include <limits>
#include <string>

#include "ergon/core/errors.hpp"
#include "ergon/stein/bandwidth.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"
#include "whole_set.hpp"

namespace ergon::testing {
namespace {

using stein::RankRing;
using stein::Shard;
using ::testing::HasSubstr;

constexpr double kBandwidth = 2.5;

// A hundredth of the table for float64: only the order of the sums differs.
double tolerance_of(c10::ScalarType type) {
  return type == at::kDouble ? 1e-2 * tolerance<double>() : tolerance<float>();
}

struct Case {
  std::int64_t count, dim;
  c10::ScalarType type;
  Spread spread;
};

void expect_as_in_one_process(const RankRing& ring, const Case& c) {
  const WholeSet set = spread_over(whole_set(c.count, c.dim, c.type), ring.size(), c.spread);
  const double bandwidth = 1.2 * std::sqrt(static_cast<double>(c.dim));  // most pairs interact
  const OneProcess whole = one_process(set, bandwidth);
  const Shard shard = set.shard(ring.rank());
  const Tensor vectors = set.part(set.vectors, ring.rank(), 1);
  const auto compare = [&](const Tensor& actual, const Tensor& expected, std::int64_t axis) {
    const std::string name = fmt::format("M {} D {} {} spread {}", c.count, c.dim,
                                         c10::toString(c.type), static_cast<int>(c.spread));
    EXPECT_EQ(actual.scalar_type(), c.type) << name;
    expect_close(actual, set.part(expected, ring.rank(), axis), tolerance_of(c.type), name);
  };
  compare(ring.velocity(shard, bandwidth), whole.velocity, 0);
  const auto both = ring.velocity_and_trace(shard, bandwidth);
  compare(both.velocity, whole.velocity, 0);
  compare(both.drift_trace_sum, whole.drift_trace_sum, 0);
  compare(ring.jacobian_vector_products(shard, bandwidth, vectors), whole.products, 1);
  compare(ring.transposed_jacobian_vector_products(shard, bandwidth, vectors), whole.transposed, 1);
}

TEST(SteinRing, GivesEveryRankItsRowsOfTheOperatorsOnTheWholeSet) {
  const RankRing ring;
  for (const auto type : {at::kDouble, at::kFloat})
    for (const auto spread : {Spread::kUneven, Spread::kFirstEmpty, Spread::kOneHasAll})
      for (const auto dim : {1, 5, 50}) expect_as_in_one_process(ring, {157, dim, type, spread});
}

TEST(SteinRing, AgreesWhereShardsSpanSeveralTiles) {
  const RankRing ring;
  expect_as_in_one_process(ring, {2100, 3, at::kDouble, Spread::kUneven});
  expect_as_in_one_process(ring, {2100, 3, at::kFloat, Spread::kOneHasAll});
}

// (2) for the first rows of a set, term by term in float64.
Tensor velocity_by_definition(const WholeSet& set, std::int64_t rows) {
  const Tensor points = set.points.to(at::kDouble), score = set.score.to(at::kDouble);
  const Tensor difference = points.narrow(0, 0, rows).unsqueeze(1) - points.unsqueeze(0);
  const double beta = 1 / (kBandwidth * kBandwidth);
  const Tensor kernel = (-0.5 * beta * difference.square().sum(-1, true)).exp();
  return (kernel * (score.unsqueeze(0) + beta * difference)).mean(1);
}

TEST(SteinRing, SumsOverMoreColumnsThanOneFloatSumTakesAreComplete) {
  const RankRing ring;
  constexpr std::int64_t kFirst = 20, kOthers = 40000;
  WholeSet set = whole_set(kFirst + kOthers, 2, at::kFloat);
  set.rows.assign(static_cast<std::size_t>(ring.size()), 0);
  set.rows.front() = kFirst;
  set.rows.back() += kOthers;
  const Tensor velocity = ring.velocity(set.shard(ring.rank()), kBandwidth);
  if (ring.rank() != 0) return;
  expect_close(velocity.narrow(0, 0, kFirst), velocity_by_definition(set, kFirst),
               0.1 * tolerance<float>(), "first rows");
}

TEST(SteinRing, ServesASetWithFewerParticlesThanRanks) {
  const RankRing ring;
  expect_as_in_one_process(ring, {1, 4, at::kDouble, Spread::kUneven});
  expect_as_in_one_process(ring, {1, 4, at::kDouble, Spread::kOneHasAll});
}

TEST(SteinRing, FiniteInputsGiveFiniteResultsHoweverFarApart) {
  const RankRing ring;
  for (const auto type : {at::kDouble, at::kFloat}) {
    const double huge = type == at::kDouble ? 1e300 : 1e37;
    WholeSet set = spread_over(whole_set(12, 3, type), ring.size(), Spread::kUneven);
    set.points[0] = huge;
    set.points[11] = -huge;
    const Shard shard = set.shard(ring.rank());
    const auto expect_finite = [&](const Tensor& result, double bandwidth) {
      EXPECT_TRUE(at::isfinite(result).all().item<bool>()) << type << " " << bandwidth;
    };
    for (const double bandwidth : {1e-30, 1.0, 1e30})
      expect_finite(ring.velocity(shard, bandwidth), bandwidth);
    for (const double bandwidth : {1.0, 1e30})
      expect_finite(ring.velocity_and_trace(shard, bandwidth).drift_trace_sum, bandwidth);
  }
}

TEST(SteinRing, GivesTheSameBitsAgain) {
  const RankRing ring;
  const WholeSet set = spread_over(whole_set(300, 7, at::kFloat), ring.size(), Spread::kUneven);
  const Shard shard = set.shard(ring.rank());
  expect_same_bits(ring.velocity(shard, kBandwidth), ring.velocity(shard, kBandwidth).clone(),
                   "velocity");
}

TEST(SteinRing, ReadsShardsThatAreNotContiguous) {
  const RankRing ring;
  const WholeSet set = spread_over(whole_set(60, 6, at::kDouble), ring.size(), Spread::kUneven);
  const Shard shard = set.shard(ring.rank());
  const auto strided = [](const Tensor& x) { return x.t().contiguous().t(); };
  expect_close(ring.velocity({strided(shard.points), strided(shard.score)}, kBandwidth),
               ring.velocity(shard, kBandwidth), tolerance_of(at::kDouble), "strided");
}

TEST(SteinRing, WorksOverPartOfTheRanks) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm pair = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank / 2, 0, &pair);
  {
    const RankRing ring = RankRing::over(MPI_Comm_c2f(pair));
    EXPECT_LE(ring.size(), 2);
    expect_as_in_one_process(ring, {40 + rank / 2, 3, at::kDouble, Spread::kUneven});
  }
  MPI_Comm_free(&pair);
}

TEST(SteinRing, BandwidthRulesAreThoseOfTheWholeSetOnEveryRank) {
  const RankRing ring;
  for (const auto spread : {Spread::kUneven, Spread::kFirstEmpty}) {
    const WholeSet set = spread_over(whole_set(400, 6, at::kDouble), ring.size(), spread);
    const Tensor own = set.shard(ring.rank()).points;
    EXPECT_NEAR(ring.mean_bandwidth(own), stein::mean_bandwidth(set.points).item<double>(),
                tolerance<double>());
    EXPECT_NEAR(ring.median_bandwidth(own), stein::median_bandwidth(set.points).item<double>(),
                tolerance<double>());
  }
}

TEST(SteinRing, MedianOfManyParticlesIsThatOfEvenlySpacedOnes) {
  const RankRing ring;
  constexpr std::int64_t kCount = 3 * RankRing::kMedianParticles;
  const WholeSet set = spread_over(whole_set(kCount, 2, at::kDouble), ring.size(), Spread::kUneven);
  // Every third particle, the middle ones; the rule's logarithm is that of the whole set.
  const Tensor third = set.points.slice(0, 1, kCount, 3);
  const double share = std::log(third.size(0) + 1.0) / std::log(kCount + 1.0);
  EXPECT_NEAR(ring.median_bandwidth(set.shard(ring.rank()).points),
              stein::median_bandwidth(third).item<double>() * std::sqrt(share),
              tolerance<double>());
}

// Every rank must fail with the words, and the ring must work afterwards.
template <class Call>
void expect_refused_everywhere(const RankRing& ring, const std::string& words, Call call) {
  try {
    call();
    ADD_FAILURE() << "accepted, though it should say: " << words;
  } catch (const InvalidInput& error) {
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
  const Tensor one = at::ones({1, 1}, at::kDouble);
  EXPECT_EQ(ring.velocity({one, one}, 1.0).item<double>(), 1.0) << "after: " << words;
}

TEST(SteinRing, OneRanksBadShardIsRefusedOnAllWithTheSameWords) {
  const RankRing ring;
  const int last = ring.size() - 1;
  const bool bad = ring.rank() == last;
  const Tensor good = at::ones({3, 2}, at::kDouble);
  const auto refused = [&](const std::string& words, Tensor points, Tensor score) {
    expect_refused_everywhere(ring, fmt::format("rank {} of the ring: {}", last, words), [&] {
      ring.velocity(bad ? Shard{points, score} : Shard{good, good}, kBandwidth);
    });
  };
  Tensor holes = good.clone();
  holes[1] = std::numeric_limits<double>::quiet_NaN();
  refused("2 of the points are not finite", holes, good);
  refused("2 of the scores are not finite", good, holes);
  refused("the points have shape (3)", at::ones({3}, at::kDouble), good);
  refused("the scores have shape (2, 2)", good, at::ones({2, 2}, at::kDouble));
  refused("the points are of type Long", at::ones({3, 2}, at::kLong), good);
  refused("the scores are Float where the points are Double", good, good.to(at::kFloat));
  refused("the points are undefined", Tensor(), good);
  refused("the score is undefined", good, Tensor());
  refused("the points ask for gradients", good.clone().requires_grad_(), good);
}

TEST(SteinRing, ShardsThatDoNotBelongTogetherAreRefused) {
  const RankRing ring;
  if (ring.size() == 1) GTEST_SKIP() << "needs two ranks";
  const bool odd = ring.rank() == 1;
  const auto ones = [](std::int64_t dim, c10::ScalarType type) { return at::ones({3, dim}, type); };
  const auto with = [&](const Tensor& x) { return Shard{x, x}; };
  const Shard good = with(ones(2, at::kDouble));
  expect_refused_everywhere(ring, "rank 0 have 2 dimensions and those of rank 1 have 3", [&] {
    ring.velocity(odd ? with(ones(3, at::kDouble)) : good, kBandwidth);
  });
  expect_refused_everywhere(ring, "rank 0 are Double and those of rank 1 are Float", [&] {
    ring.velocity(odd ? with(ones(2, at::kFloat)) : good, kBandwidth);
  });
  expect_refused_everywhere(ring, "rank 0 has bandwidth 1 and rank 1 has 2",
                            [&] { ring.velocity(good, odd ? 2.0 : 1.0); });
  expect_refused_everywhere(ring, "rank 0 has 1 vectors per particle and rank 1 has 2", [&] {
    ring.jacobian_vector_products(good, kBandwidth, at::ones({odd ? 2 : 1, 3, 2}, at::kDouble));
  });
  expect_refused_everywhere(ring, "calls velocity while rank 1 calls mean_bandwidth", [&] {
    odd ? void(ring.mean_bandwidth(good.points)) : void(ring.velocity(good, kBandwidth));
  });
}

TEST(SteinRing, BandwidthsAndSetsThatMakeNoSenseAreRefused) {
  const RankRing ring;
  const Tensor good = at::ones({3, 2}, at::kDouble);
  for (const double bandwidth : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()})
    expect_refused_everywhere(ring, "rank 0 of the ring: the bandwidth is", [&] {
      ring.velocity({good, good}, bandwidth);
    });
  const Tensor none = at::ones({0, 2}, at::kDouble);
  expect_refused_everywhere(ring, "no rank of the ring holds a particle", [&] {
    ring.velocity({none, none}, kBandwidth);
  });
  expect_refused_everywhere(ring, "the vectors must have shape (P, m, D)", [&] {
    ring.jacobian_vector_products({good, good}, kBandwidth, good);
  });
}

}  // namespace
}  // namespace ergon::testing
