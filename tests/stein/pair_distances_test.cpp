#include "../../src/stein/pair_distances.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/stein/bandwidth.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

// The kernels, compiled here for each instruction set.
#define ERGON_LANES_BODY "distances.hpp"
#include "../../src/stein/lanes/machines.hpp"

namespace ergon::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class Real>
struct Machine {
  const char* name;
  const stein::PairKernels<Real>* kernels;
};

template <class Real>
std::vector<Machine<Real>> machines() {
  std::vector<Machine<Real>> all{{"baseline", &stein::baseline::pair_kernels<Real>()}};
#ifdef ERGON_HAS_WIDE_VECTORS
  if (stein::machine_has_vectors(32)) all.push_back({"avx2", &stein::avx2::pair_kernels<Real>()});
  if (stein::machine_has_vectors(64))
    all.push_back({"avx512", &stein::avx512::pair_kernels<Real>()});
#endif
  return all;
}

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

template <class Real>
std::vector<Real> numbers(const Tensor& tensor) {
  const Tensor flat = tensor.to(c10::CppTypeToScalarType<Real>::value).contiguous().flatten();
  return {flat.data_ptr<Real>(), flat.data_ptr<Real>() + flat.numel()};
}

// Every pair with its particles in increasing order.
std::vector<std::pair<std::int64_t, std::int64_t>> pairs_of(const stein::PairChoice& choice) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  const auto particle = [&](std::int64_t place) {
    place %= choice.count;
    return choice.order.empty() ? place : choice.order[static_cast<std::size_t>(place)];
  };
  for (std::int64_t o = 1; o <= choice.whole_offsets + 1; ++o) {
    const std::int64_t rows = o <= choice.whole_offsets ? choice.count : choice.last_rows;
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t a = particle(i), b = particle(i + o);
      pairs.emplace_back(std::min(a, b), std::max(a, b));
    }
  }
  return pairs;
}

TEST(SteinPairDistances, EveryPairOnceUpToTheExactSize) {
  for (const std::int64_t count : {0, 1, 2, 3, 4, 7, 10, 512, 513}) {
    const auto pairs = pairs_of(stein::choose_pairs(count));
    const std::set<std::pair<std::int64_t, std::int64_t>> distinct(pairs.begin(), pairs.end());
    EXPECT_EQ(static_cast<std::int64_t>(pairs.size()), count * (count - 1) / 2) << count;
    EXPECT_EQ(pairs.size(), distinct.size()) << count;
  }
}

TEST(SteinPairDistances, AboveThatNoPairTwiceAndEveryParticleEquallyOften) {
  for (const std::int64_t count : {514, 1024, 3000, 200000}) {
    const stein::PairChoice choice = stein::choose_pairs(count);
    const auto pairs = pairs_of(choice);
    EXPECT_EQ(static_cast<std::int64_t>(pairs.size()), choice.pairs());
    EXPECT_GE(choice.pairs(), stein::kMedianPairs);
    EXPECT_LE(choice.pairs(), stein::kMedianPairs + count);
    const std::set<std::pair<std::int64_t, std::int64_t>> distinct(pairs.begin(), pairs.end());
    EXPECT_EQ(pairs.size(), distinct.size()) << count;
    std::vector<std::int64_t> times(static_cast<std::size_t>(count));
    for (const auto& [a, b] : pairs) {
      ASSERT_LT(a, b);
      ++times[static_cast<std::size_t>(a)];
      ++times[static_cast<std::size_t>(b)];
    }
    EXPECT_EQ(*std::min_element(times.begin(), times.end()), 2 * choice.whole_offsets);
    EXPECT_EQ(*std::max_element(times.begin(), times.end()), 2 * choice.whole_offsets);
  }
}

template <class Real>
void expect_selected(const std::vector<Real>& values, const std::string& name) {
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<Real> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (const std::int64_t rank : {std::int64_t{0}, count / 7, (count - 1) / 2, count - 1}) {
    for (const auto& machine : machines<Real>()) {
      std::vector<Real> room = values;
      room.resize(values.size() + stein::kPairPadding);
      EXPECT_EQ(machine.kernels->select(room.data(), count, rank),
                sorted[static_cast<std::size_t>(rank)])
          << name << ", " << count << " values, rank " << rank << ", " << machine.name;
    }
  }
}

template <class Real>
void expect_selected_of_many_kinds() {
  for (const std::int64_t count : {1, 2, 17, 45, 96, 97, 500, 5000, 40000, 131072}) {
    const Tensor z = normal({count}, static_cast<std::uint64_t>(count));
    expect_selected(numbers<Real>(z.pow(2)), "squares");
    expect_selected(numbers<Real>((10 * z).exp()), "many magnitudes");
    expect_selected(numbers<Real>(z.abs() * 1e-3 + 1000), "concentrated");
    expect_selected(numbers<Real>(z.abs().floor()), "few distinct, zeros");
    expect_selected(numbers<Real>(at::full_like(z, 3.0)), "all equal");
    expect_selected(numbers<Real>(at::full_like(z, 0.0)), "all zero");
    expect_selected(numbers<Real>((100 * z).exp().clamp(1e-300, 1e300) *
                                  double{std::numeric_limits<Real>::denorm_min()}),
                    "below the normal numbers");
    expect_selected(numbers<Real>(at::arange(count, at::kDouble)), "rising");
  }
}

TEST(SteinPairDistances, SelectionFindsWhatSortingFinds) {
  expect_selected_of_many_kinds<float>();
  expect_selected_of_many_kinds<double>();
}

TEST(SteinPairDistances, SelectionIsExactWhereItsSampleMisleads) {
  // Zero exactly where the selection looks first (multiples of the golden ratio), else 1, 2, 3, …
  std::vector<double> values(40000);
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = static_cast<double>(1 + k % 977);
  for (std::uint32_t j = 0; j < 4096; ++j)
    values[(std::uint64_t{j * 0x9e3779b9u} * values.size()) >> 32] = 0;
  expect_selected(values, "misleading");
}

template <class Real>
void expect_distances(std::int64_t count, std::int64_t dim) {
  const stein::PairChoice choice = stein::choose_pairs(count);
  const std::int64_t stride = count + choice.whole_offsets + 2 * stein::kPairPadding;
  const Tensor x = normal({dim, count}, 9).to(c10::CppTypeToScalarType<Real>::value);
  const Tensor room = at::zeros({dim, stride}, x.options());
  room.narrow(1, 0, count).copy_(x);
  room.narrow(1, count, choice.whole_offsets).copy_(x.narrow(1, 0, choice.whole_offsets));
  const Tensor expected = at::ones({choice.pairs()}, x.options());
  std::int64_t at = 0;
  for (std::int64_t o = 1; at < choice.pairs(); ++o) {
    const std::int64_t rows = std::min(count, choice.pairs() - at);
    const Tensor squared = (x - x.roll(-o, 1)).pow(2).sum(0).narrow(0, 0, rows);
    expected.narrow(0, at, rows).add_(squared);
    at += rows;
  }
  for (const auto& machine : machines<Real>()) {
    const Tensor sums = at::ones({choice.pairs()}, x.options());
    machine.kernels->add_distances({room.data_ptr<Real>(), stride, dim, count, choice.whole_offsets,
                                    choice.last_rows, sums.data_ptr<Real>()});
    expect_close(sums, expected, tolerance<Real>(),
                 std::string(machine.name) + ", count " + std::to_string(count));
  }
}

TEST(SteinPairDistances, DistancesAreThoseOfDifferences) {
  for (const std::int64_t count : {2, 3, 9, 10, 16, 33, 100}) {
    for (const std::int64_t dim : {1, 6, 20}) {
      expect_distances<float>(count, dim);
      expect_distances<double>(count, dim);
    }
  }
}

TEST(SteinPairDistances, LargestModulusShowsWhatIsNotFinite) {
  for (const auto& machine : machines<double>()) {
    std::vector<double> values = numbers<double>(normal({37}, 2));
    values[20] = -9.5;
    const auto largest = [&] { return machine.kernels->largest_modulus(values.data(), 37); };
    EXPECT_EQ(largest(), 9.5) << machine.name;
    values[36] = -kInfinity;
    EXPECT_EQ(largest(), kInfinity) << machine.name;
    values[1] = -kNaN;
    EXPECT_TRUE(std::isnan(largest())) << machine.name;
  }
}

TEST(SteinPairDistances, ComposedOperationsGiveTheSameMedian) {
  for (const std::int64_t count : {1, 2, 3, 40, 513, 700}) {
    for (const std::int64_t dim : {1, count < 100 ? 130 : 3}) {
      const Tensor x = normal({3, count, dim}, 5) + 3;
      const Tensor alive = normal({3, count}, 6) > -0.5;
      alive[2].fill_(false);
      const std::string name = std::to_string(count) + " x " + std::to_string(dim);
      for (const auto type : {at::kFloat, at::kDouble}) {
        const Tensor typed = x.to(type);
        expect_close(stein::median_distance(typed, {}), stein::median_distance_composed(typed, {}),
                     tolerance(type), name);
        expect_close(stein::median_distance(typed, alive),
                     stein::median_distance_composed(typed, alive), tolerance(type),
                     name + " with dropped particles");
      }
    }
  }
}

TEST(SteinPairDistances, ComposedOperationsTreatExtremesAlike) {
  const Tensor x = normal({6, 20, 3}, 7);
  x[1][3][2] = kNaN;
  x[2][3][2] = kInfinity;
  x[3].fill_(2.5);
  x[4].mul_(1e300);
  x[5].mul_(1e-170);
  const Tensor fast = stein::median_distance(x, {});
  expect_close(fast, stein::median_distance_composed(x, {}), tolerance<double>(), "extremes");
  EXPECT_TRUE(fast.narrow(0, 1, 2).isnan().all().item<bool>());
  EXPECT_EQ(fast[3].item<double>(), 0.0);
  EXPECT_GT(fast[4].item<double>(), 1e299);
  EXPECT_TRUE(std::isfinite(fast[4].item<double>()));
}

TEST(SteinPairDistances, SetsWithoutParticlesHaveNoMedian) {
  const Tensor x = at::zeros({2, 0, 3}, at::kDouble);
  EXPECT_TRUE(stein::median_distance(x, {}).isnan().all().item<bool>());
  EXPECT_TRUE(stein::median_distance_composed(x, {}).isnan().all().item<bool>());
}

}  // namespace
}  // namespace ergon::testing
