#include "ergon/estimate/optimal_transport.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

Tensor normal(std::vector<std::int64_t> shape, const Seed& seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), seed.generator());
}

double total_cost(const Tensor& costs, const Tensor& columns) {
  return costs.gather(1, columns.unsqueeze(1)).sum().item<double>();
}

bool is_permutation(const Tensor& columns) {
  return std::get<0>(columns.sort(0)).equal(at::arange(columns.numel(), at::kLong));
}

double least_over_permutations(const Tensor& costs) {
  const auto cost = costs.accessor<double, 2>();
  std::vector<int> order(static_cast<std::size_t>(costs.size(0)));
  std::iota(order.begin(), order.end(), 0);
  double least = std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (std::size_t i = 0; i < order.size(); ++i) sum += cost[static_cast<int>(i)][order[i]];
    least = std::min(least, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

TEST(EstimateOptimalTransport, AssignmentIsTheBestOfAllPermutations) {
  for (std::uint64_t i = 0; i < 150; ++i) {
    const auto n = static_cast<std::int64_t>(1 + i % 7);
    Tensor costs = normal({n, n}, Seed(1).child("costs", i));
    if (i % 3 == 1) costs = (2 * costs).round();  // many ties
    if (i % 3 == 2) costs = 1e6 + costs.exp();
    const Tensor columns = optimal_assignment(costs);
    ASSERT_TRUE(is_permutation(columns)) << i;
    const double least = least_over_permutations(costs);
    EXPECT_NEAR(total_cost(costs, columns), least, tolerance<double>() * (1 + std::abs(least)))
        << i;
  }
}

TEST(EstimateOptimalTransport, AssignmentOfEqualCostsIsSomePermutation) {
  EXPECT_TRUE(is_permutation(optimal_assignment(at::zeros({50, 50}, at::kDouble))));
  const Tensor rows = at::arange(40, at::kDouble).unsqueeze(1).expand({40, 40});
  EXPECT_TRUE(is_permutation(optimal_assignment(rows)));
  EXPECT_TRUE(is_permutation(optimal_assignment(rows.t())));
}

TEST(EstimateOptimalTransport, AssignmentOfAProductOfIncreasingNumbersReversesTheirOrder) {
  // Σ i π(i) is least for opposite orders (rearrangement); this matrix is hard for greedy methods
  const Tensor numbers = at::arange(1, 301, at::kDouble);
  const Tensor columns = optimal_assignment(numbers.unsqueeze(1) * numbers);
  EXPECT_TRUE(columns.equal(299 - at::arange(300, at::kLong)));
}

TEST(EstimateOptimalTransport, AShiftOfAllPointsCostsTheShift) {
  for (const std::int64_t dim : {1, 2, 30}) {
    const Tensor a = normal({300, dim}, Seed(2).child("a", static_cast<std::uint64_t>(dim)));
    const Tensor shift = normal({dim}, Seed(2).child("shift"));
    const Tensor order = at::randperm(300, Seed(2).child("order").generator(), at::kLong);
    const auto found = wasserstein_2(a, (a + 3 * shift).index_select(0, order));
    const double exact = 3 * shift.norm().item<double>();
    EXPECT_NEAR(found.distance, exact, tolerance<double>() * exact);
    EXPECT_NEAR(found.squared, exact * exact, 2 * tolerance<double>() * exact * exact);
    EXPECT_TRUE(order.index_select(0, found.partner).equal(at::arange(300, at::kLong)));
  }
}

TEST(EstimateOptimalTransport, OnALineIsTheDistanceBySorting) {
  const Tensor a = normal({500}, Seed(3).child("a")), b = 1 + 2 * normal({500}, Seed(3).child("b"));
  const double sorted = wasserstein_2_1d(a, b);
  EXPECT_NEAR(wasserstein_2(a.unsqueeze(1), b.unsqueeze(1)).distance, sorted,
              tolerance<double>() * sorted);
}

TEST(EstimateOptimalTransport, OfGaussianQuantilesIsThatOfTheLaws) {
  // W2² of N(0, 1) and N(m, s²) is m² + (s - 1)²; quantiles at (i - ½)/n leave out O(log n / n) of
  // the variance
  const Tensor z = at::special_ndtri((at::arange(100000, at::kDouble) + 0.5) / 100000);
  EXPECT_NEAR(wasserstein_2_1d(z, 0.5 + 3 * z), std::sqrt(4.25), 1e-3);
}

TEST(EstimateOptimalTransport, UnequalNumbersOnALineAreComparedByQuantiles) {
  const Tensor a = normal({6}, Seed(4).child("a")), b = normal({4}, Seed(4).child("b"));
  const double repeated = wasserstein_2_1d(a.repeat_interleave(2), b.repeat_interleave(3));
  EXPECT_NEAR(wasserstein_2_1d(a, b), repeated, tolerance<double>());
  const Tensor one = at::zeros({1}, at::kDouble);
  EXPECT_NEAR(wasserstein_2_1d(one, at::tensor({3.0, 4.0}, at::kDouble)), std::sqrt(12.5), 1e-14);
}

TEST(EstimateOptimalTransport, HundredsOfPointsAreNoFurtherThanAnyOtherPairing) {
  const Tensor a = normal({400, 3}, Seed(5).child("a")), b = normal({400, 3}, Seed(5).child("b"));
  const auto found = wasserstein_2(a, b);
  ASSERT_TRUE(is_permutation(found.partner));
  // No swap of two partners helps, nor does a cycle of three
  const Tensor costs = at::cdist(a, b, 2.0, 2).square().index_select(1, found.partner);
  const Tensor own = costs.diagonal().unsqueeze(1);
  const Tensor change = costs - own;  // of i when it takes the partner of j
  EXPECT_GE((change + change.t()).min().item<double>(), -1e-12);
  for (std::int64_t i = 0; i < 400; i += 40) {
    const Tensor cycles = change[i].unsqueeze(1) + change + change.select(1, i).unsqueeze(0);
    EXPECT_GE(cycles.min().item<double>(), -1e-12) << i;
  }
}

TEST(EstimateOptimalTransport, ShowsProgressAndEndsWhenItThrows) {
  const Tensor a = normal({200, 2}, Seed(6).child("a")), b = normal({200, 2}, Seed(6).child("b"));
  double last = -1;
  wasserstein_2(a, b, [&](double done) {
    EXPECT_GE(done, last);
    last = done;
  });
  EXPECT_EQ(last, 1.0);
  EXPECT_THROW(wasserstein_2(a, b, [](double) { throw std::runtime_error("enough"); }),
               std::runtime_error);
}

TEST(EstimateOptimalTransport, RefusesWhatCannotBePaired) {
  const Tensor a = normal({5, 2}, Seed(8));
  EXPECT_THROW(wasserstein_2(a, a.narrow(0, 0, 4)), InvalidInput);
  EXPECT_THROW(wasserstein_2(a, normal({5, 3}, Seed(8))), InvalidInput);
  EXPECT_THROW(wasserstein_2(a, {}), InvalidInput);
  EXPECT_THROW(wasserstein_2(a, a / 0.0), InvalidInput);
  EXPECT_THROW(optimal_assignment(a), InvalidInput);
  EXPECT_THROW(optimal_assignment(at::zeros({0, 0})), InvalidInput);
  EXPECT_THROW(optimal_assignment({}), InvalidInput);
  EXPECT_THROW(optimal_assignment(at::ones({2, 2}) / 0.0), InvalidInput);
  EXPECT_THROW(wasserstein_2_1d(a, a), InvalidInput);
  EXPECT_THROW(wasserstein_2_1d(a[0], a[0].narrow(0, 0, 0)), InvalidInput);
  EXPECT_THROW(wasserstein_2_1d(a[0], a[1] / 0.0), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
