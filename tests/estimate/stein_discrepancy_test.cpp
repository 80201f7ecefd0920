#include "ergon/estimate/stein_discrepancy.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
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

SteinDiscrepancyOptions with_kernel(SteinKernel kernel, double scale) {
  SteinDiscrepancyOptions options;
  options.kernel = kernel;
  options.length_scale = scale;
  return options;
}
const SteinDiscrepancyOptions kMultiquadric = with_kernel(SteinKernel::kInverseMultiquadric, 1.3);
const SteinDiscrepancyOptions kGauss = with_kernel(SteinKernel::kGaussian, 1.3);

// Of draws N(shift, I) from N(0, I): the difference of the scores is -shift everywhere, so the
// squared discrepancy is ‖shift‖² E κ(x, x').
double shifted_gaussian(const SteinDiscrepancyOptions& options, double dim, double shift) {
  const double c = *options.length_scale;
  if (options.kernel == SteinKernel::kGaussian)
    return dim * shift * shift * std::pow(c * c / (c * c + 2), dim / 2);
  // in two dimensions r²/4 is exponential, and E (c² + r²)^(-1/2) = ½ √π exp(c²/4) erfc(c/2)
  EXPECT_EQ(dim, 2);
  EXPECT_EQ(options.exponent, -0.5);
  return dim * shift * shift * std::sqrt(M_PI) / 2 * std::exp(c * c / 4) * std::erfc(c / 2);
}

// The Stein kernel of two single draws by its definition, derivatives of κ by differences.
double definition(const SteinDiscrepancyOptions& options,
                  const Tensor& x,
                  const Tensor& y,
                  const Tensor& score_x,
                  const Tensor& score_y) {
  const double c = *options.length_scale, h = 1e-3;
  const auto kernel = [&](const Tensor& a, const Tensor& b) {
    const double squared = (a - b).square().sum().item<double>();
    return options.kernel == SteinKernel::kGaussian ? std::exp(-squared / (2 * c * c))
                                                    : std::pow(c * c + squared, options.exponent);
  };
  double sum = (score_x * score_y).sum().item<double>() * kernel(x, y);
  for (std::int64_t d = 0; d < x.numel(); ++d) {
    Tensor step = at::zeros_like(x);
    step[d] = h;
    const double of_x = (kernel(x + step, y) - kernel(x - step, y)) / (2 * h);
    const double of_y = (kernel(x, y + step) - kernel(x, y - step)) / (2 * h);
    const double mixed = (kernel(x + step, y + step) - kernel(x + step, y - step) -
                          kernel(x - step, y + step) + kernel(x - step, y - step)) /
                         (4 * h * h);
    sum += of_x * score_y[d].item<double>() + of_y * score_x[d].item<double>() + mixed;
  }
  return sum;
}

TEST(EstimateSteinDiscrepancy, IsTheMeanOfTheSteinKernelByItsDefinition) {
  const std::int64_t n = 5;
  const Tensor x = 3 + normal({n, 3}, Seed(1).child("x")), s = normal({n, 3}, Seed(1).child("s"));
  SteinDiscrepancyOptions steep = kMultiquadric;
  steep.exponent = -0.8;
  for (const auto& options : {kMultiquadric, kGauss, steep}) {
    double off_diagonal = 0, diagonal = 0;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        (i == j ? diagonal : off_diagonal) += definition(options, x[i], x[j], s[i], s[j]);
    const auto found = stein_discrepancy(x, s, options);
    // central differences with h = 1e-3 leave terms of h², about 1e-6
    EXPECT_NEAR(found.u_statistic.value, off_diagonal / (n * (n - 1)), 1e-5);
    EXPECT_NEAR(found.v_statistic, (off_diagonal + diagonal) / (n * n), 1e-5);
    EXPECT_EQ(found.length_scale, 1.3);
  }
}

TEST(EstimateSteinDiscrepancy, DoesNotDependOnTheOriginOrOnBlocks) {
  const Tensor x = normal({1100, 2}, Seed(2).child("x")), s = normal({1100, 2}, Seed(2));
  const auto whole = stein_discrepancy(x, s, kMultiquadric);
  const auto moved = stein_discrepancy(x + 1e5, s, kMultiquadric);
  // x + 1e5 has lost 1e-11 of x
  EXPECT_NEAR(moved.u_statistic.value, whole.u_statistic.value, 1e-9);
  // the V-statistic from the U-statistic and the closed diagonal |s|² κ(0) + D/c³
  const double c = 1.3;
  const double diagonal = (s.square().sum(1) / c).mean().item<double>() + 2 / (c * c * c);
  EXPECT_NEAR(whole.v_statistic, (whole.u_statistic.value * 1099 + diagonal) / 1100,
              tolerance<double>());
}

TEST(EstimateSteinDiscrepancy, IsUnbiasedForItsClosedFormWithItsStatedError) {
  const int repetitions = 500;
  for (const auto& options : {kMultiquadric, kGauss}) {
    const double exact = shifted_gaussian(options, 2, 0.5);
    double sum = 0, squares = 0, stated = 0;
    for (int i = 0; i < repetitions; ++i) {
      const Tensor x = 0.5 + normal({80, 2}, Seed(3).child("x", static_cast<std::uint64_t>(i)));
      const Estimate found = stein_discrepancy(x, -x, options).u_statistic;
      sum += found.value - exact;
      squares += (found.value - exact) * (found.value - exact);
      stated += found.standard_error * found.standard_error;
    }
    const double mean = sum / repetitions;
    const double variance = (squares - repetitions * mean * mean) / (repetitions - 1);
    EXPECT_LT(std::abs(mean), 4 * std::sqrt(variance / repetitions));  // false alarm 6e-5
    EXPECT_NEAR(std::sqrt(stated / repetitions / variance), 1.0, 4 / std::sqrt(2.0 * repetitions));
  }
}

TEST(EstimateSteinDiscrepancy, OfExactDrawsIsZeroWithinAnErrorThatIsNotTooSmall) {
  const int repetitions = 500;
  double sum = 0, squares = 0, stated = 0;
  for (int i = 0; i < repetitions; ++i) {
    const Tensor x = normal({80, 3}, Seed(4).child("x", static_cast<std::uint64_t>(i)));
    const auto found = stein_discrepancy(x, -x, kMultiquadric);
    EXPECT_GE(found.v_statistic, 0);
    sum += found.u_statistic.value;
    squares += found.u_statistic.value * found.u_statistic.value;
    stated += found.u_statistic.standard_error * found.u_statistic.standard_error;
  }
  const double mean = sum / repetitions;
  const double variance = (squares - repetitions * mean * mean) / (repetitions - 1);
  EXPECT_LT(std::abs(mean), 4 * std::sqrt(variance / repetitions));
  const double ratio = std::sqrt(stated / repetitions / variance);
  EXPECT_GT(ratio, 1 - 4 / std::sqrt(2.0 * repetitions));
  // no more than a jackknife's
  EXPECT_LT(ratio, std::sqrt(2.0) * (1 + 4 / std::sqrt(2.0 * repetitions)));
}

TEST(EstimateSteinDiscrepancy, TheDefaultLengthIsTheMedianDistance) {
  const Tensor x = at::tensor({0.0, 1.0, 3.0, 7.0}, at::kDouble).view({4, 1});
  // distances 1 2 3 4 6 7: the upper of the middle two
  EXPECT_NEAR(stein_discrepancy(x, -x).length_scale, 4.0, 1e-12);
}

GoodnessOfFit test_of(const Tensor& x, std::uint64_t seed) {
  SteinBootstrap bootstrap;
  bootstrap.repetitions = 199;
  return stein_discrepancy_test(x, -x, kMultiquadric, bootstrap, Seed(seed).generator());
}

// 500 p-values in five bins: chi-squared with 4 degrees of freedom exceeds 18.47 in 1 of 1000. The
// level of the bootstrap is asymptotic; at 100 draws the difference is within this.
TEST(EstimateSteinDiscrepancy, PValuesAreUniformForExactDraws) {
  std::array<int, 5> bins{};
  for (std::uint64_t i = 0; i < 500; ++i) {
    const double p = test_of(normal({100, 2}, Seed(6).child("x", i)), i).p_value;
    ++bins[static_cast<std::size_t>(std::ceil(p * 5 - 1e-9)) - 1];
  }
  double chi_squared = 0;
  for (const int count : bins) chi_squared += (count - 100.0) * (count - 100.0) / 100.0;
  EXPECT_LT(chi_squared, 18.47);
}

TEST(EstimateSteinDiscrepancy, TheTestSeesAShiftAndAShrunkVariance) {
  const Tensor x = normal({400, 3}, Seed(7));
  EXPECT_GT(test_of(x, 1).p_value, 0.01);  // false alarm 1 %
  EXPECT_LE(test_of(x + 0.25, 1).p_value, 0.01);
  EXPECT_LE(test_of(0.7 * x, 1).p_value, 0.01);
  EXPECT_DOUBLE_EQ(test_of(x, 1).statistic,
                   stein_discrepancy(x, -x, kMultiquadric).u_statistic.value);
}

// AR(1) chains with correlation 0.9: signs that change rarely keep the level, independent ones
// reject exact but correlated draws.
TEST(EstimateSteinDiscrepancy, RareSignChangesAllowForCorrelatedDraws) {
  int rejected_independent = 0, rejected_rare = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const Tensor noise = normal({300, 1}, Seed(8).child("noise", i));
    Tensor x = noise.clone();
    for (std::int64_t t = 1; t < 300; ++t) x[t] = 0.9 * x[t - 1] + std::sqrt(0.19) * noise[t];
    SteinBootstrap bootstrap;
    bootstrap.repetitions = 99;
    const auto p = [&] {
      return stein_discrepancy_test(x, -x, kMultiquadric, bootstrap, Seed(i).generator()).p_value;
    };
    rejected_independent += p() <= 0.05;
    bootstrap.flip_probability = 0.025;
    rejected_rare += p() <= 0.05;
  }
  EXPECT_GT(rejected_independent, 30);
  EXPECT_LT(rejected_rare, 10);  // 5 % of 60 is 3; more than 9 in 1 of 1500
}

TEST(EstimateSteinDiscrepancy, RefusesWhatItCannotTake) {
  const Tensor x = normal({6, 2}, Seed(9));
  EXPECT_THROW(stein_discrepancy(x, x[0]), InvalidInput);
  EXPECT_THROW(stein_discrepancy(x, {}), InvalidInput);
  EXPECT_THROW(stein_discrepancy(x.narrow(0, 0, 3), x.narrow(0, 0, 3)), InvalidInput);
  EXPECT_THROW(stein_discrepancy(x, x / 0.0), InvalidInput);
  EXPECT_THROW(stein_discrepancy(x / 0.0, x), InvalidInput);
  EXPECT_THROW(stein_discrepancy(at::ones({6, 2}), x), InvalidInput);
  SteinDiscrepancyOptions options;
  options.length_scale = -1;
  EXPECT_THROW(stein_discrepancy(x, x, options), InvalidInput);
  options.length_scale = 1;
  options.exponent = -1;
  EXPECT_THROW(stein_discrepancy(x, x, options), InvalidInput);
  const auto refuses = [&](const SteinBootstrap& bootstrap) {
    EXPECT_THROW(stein_discrepancy_test(x, x, {}, bootstrap, Seed(1).generator()), InvalidInput);
  };
  refuses({0, 0.5});
  refuses({9, 0.0});
  refuses({9, 0.6});
}

}  // namespace
}  // namespace ergon::testing
