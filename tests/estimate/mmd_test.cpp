#include "ergon/estimate/mmd.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

Tensor normal(std::vector<std::int64_t> shape, const Seed& seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), seed.generator());
}

// N(0, I) against N(shift, s² I) in D dimensions, every coordinate shifted alike.
struct GaussianPair {
  double dim, shift, s, sigma;

  double squared_discrepancy() const {
    const double v = sigma * sigma;
    const auto mean_kernel = [&](double variance) { return std::pow(v / (v + variance), dim / 2); };
    const double across = 1 + s * s;
    return mean_kernel(2) + mean_kernel(2 * s * s) -
           2 * mean_kernel(across) * std::exp(-dim * shift * shift / (2 * (v + across)));
  }
};

TEST(EstimateMmd, IsTheHandComputedSumOverDifferentDraws) {
  // distances in a: three of 0, three of 1; in b: 0; across: twelve of 3, four of 2
  const Tensor a = at::tensor({0.0, 0.0, 0.0, 1.0}, at::kDouble).view({4, 1});
  const Tensor b = at::tensor({3.0, 3.0, 3.0, 3.0}, at::kDouble).view({4, 1});
  const double one = std::exp(-0.5), two = std::exp(-2.0), three = std::exp(-4.5);
  const auto found = maximum_mean_discrepancy(a, b, 1.0);
  EXPECT_NEAR(found.squared.value, (3 + 3 * one) / 6 + 1 - 2 * (3 * three + two) / 4,
              tolerance<double>());
  EXPECT_EQ(found.bandwidth, 1.0);
}

TEST(EstimateMmd, AgreesWithTheDefinitionAcrossBlocks) {
  const Tensor a = normal({700, 3}, Seed(1).child("a")), b = 0.5 + normal({530, 3}, Seed(1));
  const auto kernel = [](const Tensor& x, const Tensor& y) {
    return (-0.5 / 2.25 * (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(2)).exp();
  };
  const double direct = ((kernel(a, a).sum() - 700) / (700 * 699.0) +
                         (kernel(b, b).sum() - 530) / (530 * 529.0) - 2 * kernel(a, b).mean())
                            .item<double>();
  EXPECT_NEAR(maximum_mean_discrepancy(a, b, 1.5).squared.value, direct, tolerance<double>());
  EXPECT_NEAR(maximum_mean_discrepancy(a + 1e5, b + 1e5, 1.5).squared.value, direct,
              tolerance<double>());
}

// Estimates and stated standard errors over repetitions with unequal sizes.
struct Simulated {
  double bias_in_errors, stated_over_true;
};
Simulated simulate(const GaussianPair& pair) {
  const int repetitions = 500;
  double sum = 0, squares = 0, stated = 0;
  for (int i = 0; i < repetitions; ++i) {
    const auto index = static_cast<std::uint64_t>(i);
    const auto dim = static_cast<std::int64_t>(pair.dim);
    const Tensor a = normal({60, dim}, Seed(3).child("a", index));
    const Tensor b = pair.shift + pair.s * normal({90, dim}, Seed(3).child("b", index));
    const Estimate found = maximum_mean_discrepancy(a, b, pair.sigma).squared;
    const double error = found.value - pair.squared_discrepancy();
    sum += error;
    squares += error * error;
    stated += found.standard_error * found.standard_error;
  }
  const double mean = sum / repetitions;
  const double variance = (squares - repetitions * mean * mean) / (repetitions - 1);
  return {mean / std::sqrt(variance / repetitions), std::sqrt(stated / repetitions / variance)};
}

TEST(EstimateMmd, IsUnbiasedWithItsStatedErrorForDifferentLaws) {
  for (const GaussianPair& pair :
       {GaussianPair{1, 0.8, 1.0, 1.0}, GaussianPair{3, 0.4, 1.5, 2.0}}) {
    const Simulated found = simulate(pair);
    EXPECT_LT(std::abs(found.bias_in_errors), 4);  // false alarm 6e-5
    EXPECT_NEAR(found.stated_over_true, 1.0, 4 / std::sqrt(2.0 * 500)) << pair.dim;
  }
}

TEST(EstimateMmd, IsUnbiasedAndItsErrorNotTooSmallForEqualLaws) {
  // The parts of single draws vanish here; cutting their estimates off at zero makes the stated
  // error too large, by no more than the √2 of a jackknife.
  const double margin = 4 / std::sqrt(2.0 * 500);
  for (const double dim : {1.0, 4.0, 100.0}) {
    const Simulated found = simulate({dim, 0.0, 1.0, dim == 100 ? 10 : 1.5});
    EXPECT_LT(std::abs(found.bias_in_errors), 4);
    EXPECT_GT(found.stated_over_true, 1 - margin) << dim;
    EXPECT_LT(found.stated_over_true, std::sqrt(2.0) * (1 + margin)) << dim;
  }
}

TEST(EstimateMmd, TheDefaultBandwidthIsTheMedianOfPositiveDistances) {
  // pooled distances above 0: 1 (three), 3 (twelve), 2 (four): the median of 19 is 3
  const Tensor a = at::tensor({0.0, 0.0, 0.0, 1.0}, at::kDouble).view({4, 1});
  const Tensor b = at::full({4, 1}, 3.0, at::kDouble);
  EXPECT_NEAR(maximum_mean_discrepancy(a, b).bandwidth, 3.0, 1e-12);
  // N(0, I) in one dimension: the median of |N(0, 2)| is 0.6745 √2, here from 2048 of 6000 draws
  const Tensor many = normal({6000, 1}, Seed(5));
  EXPECT_NEAR(
      maximum_mean_discrepancy(many.narrow(0, 0, 3000), many.narrow(0, 3000, 3000)).bandwidth,
      0.6744897501960817 * std::sqrt(2.0), 0.04);
}

TEST(EstimateMmd, RefusesWhatCannotBeCompared) {
  const Tensor a = normal({5, 2}, Seed(8));
  EXPECT_THROW(maximum_mean_discrepancy(a, normal({5, 3}, Seed(8))), InvalidInput);
  EXPECT_THROW(maximum_mean_discrepancy(a, a.narrow(0, 0, 3)), InvalidInput);
  EXPECT_THROW(maximum_mean_discrepancy(a, {}), InvalidInput);
  EXPECT_THROW(maximum_mean_discrepancy(a[0], a), InvalidInput);
  EXPECT_THROW(maximum_mean_discrepancy(a / 0.0, a), InvalidInput);
  EXPECT_THROW(maximum_mean_discrepancy(a, a, 0.0), InvalidInput);
  const Tensor same = at::ones({5, 2}, at::kDouble);
  EXPECT_THROW(maximum_mean_discrepancy(same, same), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
