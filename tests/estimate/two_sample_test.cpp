#include "ergon/estimate/two_sample.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"

namespace ergon::testing {
namespace {

Tensor normal(std::vector<std::int64_t> shape, const Seed& seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), seed.generator());
}

TwoSampleTest test_of(const Tensor& a, const Tensor& b, std::uint64_t seed = 1) {
  return energy_test(a, b, 199, Seed(seed).child("relabel").generator());
}

TEST(EstimateTwoSample, StatisticIsTheHandComputedOne) {
  // a = 0, 1 and b = 3: 2 · (3 + 2)/2 - 2 · 1/4 - 0
  const Tensor a = at::tensor({0.0, 1.0}, at::kDouble).view({2, 1});
  const Tensor b = at::tensor({3.0}, at::kDouble).view({1, 1});
  EXPECT_NEAR(test_of(a, b).statistic, 4.5, 1e-12);
  EXPECT_NEAR(test_of(b, a).statistic, 4.5, 1e-12);
}

TEST(EstimateTwoSample, PValueIsTheShareOfRelabellingsAtLeastAsFarApart) {
  // Of the three ways to take one of {0, 1, 3} out, taking 3 is furthest, so p is near 1/3: four
  // standard errors of 1999 relabellings, false alarm 6e-5.
  const Tensor a = at::tensor({0.0, 1.0}, at::kDouble).view({2, 1});
  const Tensor b = at::tensor({3.0}, at::kDouble).view({1, 1});
  const double p = energy_test(a, b, 1999, Seed(4).generator()).p_value;
  EXPECT_NEAR(p, 1.0 / 3, 4 * std::sqrt(2.0 / 9 / 2000));
}

TEST(EstimateTwoSample, EqualSamplesAreAtDistanceZeroAndNeverSuspicious) {
  const Tensor a = normal({50, 3}, Seed(2));
  EXPECT_NEAR(test_of(a, a).statistic, 0.0, 1e-12);
  EXPECT_EQ(test_of(a, a).p_value, 1.0);
  const Tensor same = at::ones({20, 2}, at::kDouble);
  EXPECT_EQ(test_of(same, same.slice(0, 0, 7)).p_value, 1.0);
}

// 1000 p-values in ten bins: chi-squared with 9 degrees of freedom exceeds 27.88 in 1 of 1000.
TEST(EstimateTwoSample, PValuesAreUniformForTwoSamplesOfOneLaw) {
  std::array<int, 10> bins{};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const double p =
        test_of(normal({40, 2}, Seed(7).child("a", i)), normal({25, 2}, Seed(7).child("b", i)), i)
            .p_value;
    ++bins[static_cast<std::size_t>(std::ceil(p * 10 - 1e-9)) - 1];
  }
  double chi_squared = 0;
  for (const int count : bins) chi_squared += (count - 100.0) * (count - 100.0) / 100.0;
  EXPECT_LT(chi_squared, 27.88);
}

TEST(EstimateTwoSample, SeesAShiftedMeanAndAShrunkVariance) {
  const Tensor a = normal({400, 3}, Seed(1).child("a"));
  const Tensor b = normal({400, 3}, Seed(1).child("b"));
  EXPECT_GT(test_of(a, b).p_value, 0.01);  // false alarm 1 %
  EXPECT_LE(test_of(a, b + 0.25).p_value, 0.01);
  EXPECT_LE(test_of(a, 0.7 * b).p_value, 0.01);
}

TEST(EstimateTwoSample, DoesNotLoseSmallDifferencesFarFromTheOrigin) {
  const Tensor a = normal({60, 2}, Seed(5).child("a")), b = normal({60, 2}, Seed(5).child("b"));
  const double near = test_of(a, b).statistic;
  EXPECT_NEAR(test_of(a + 1e6, b + 1e6).statistic, near, 1e-8);
}

TEST(EstimateTwoSample, TheSameGeneratorGivesTheSameNumber) {
  const Tensor a = normal({30, 2}, Seed(6).child("a")), b = normal({30, 2}, Seed(6).child("b"));
  EXPECT_EQ(test_of(a, b, 3).p_value, test_of(a, b, 3).p_value);
}

TEST(EstimateTwoSample, RefusesWhatCannotBeCompared) {
  const Tensor a = normal({5, 2}, Seed(8));
  EXPECT_THROW(test_of(a, normal({5, 3}, Seed(8))), InvalidInput);
  EXPECT_THROW(test_of(a, a[0]), InvalidInput);
  EXPECT_THROW(test_of(a, a.slice(0, 0, 0)), InvalidInput);
  EXPECT_THROW(test_of(a, {}), InvalidInput);
  EXPECT_THROW(test_of(a, a / 0.0), InvalidInput);
  EXPECT_THROW(energy_test(a, a, 0, Seed(1).generator()), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
