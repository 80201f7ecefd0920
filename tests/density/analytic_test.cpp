#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "density/targets.hpp"
#include "ergon/core/csv.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/banana.hpp"
#include "ergon/density/constant.hpp"
#include "ergon/density/double_wells.hpp"
#include "ergon/density/funnel.hpp"
#include "ergon/density/gaussian.hpp"
#include "ergon/density/line_density.hpp"
#include "ergon/density/mixture.hpp"
#include "ergon/density/ring.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::named;

double normal_log_density(double x, double mean, double stddev) {
  const double z = (x - mean) / stddev;
  return -0.5 * z * z - std::log(stddev) - 0.5 * std::log(2 * M_PI);
}

Tensor point(std::vector<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).unsqueeze(0);
}

TEST(DensityGaussian, TheWorkedExampleHasItsPublishedEntropy) {
  const auto known = make_target(named("gaussian-worked"))->known();
  EXPECT_NEAR(*known.entropy, 3.411, 5e-4);
  EXPECT_DOUBLE_EQ((*known.covariance)[0][1].item<double>(), 5 * .1652);
}

TEST(DensityGaussian, TheThinOneHasEigenvalues1And001At45Degrees) {
  const auto known = make_target(named("gaussian-thin"))->known();
  const auto [values, vectors] = at::linalg_eigh(*known.covariance);
  EXPECT_NEAR(values[0].item<double>(), 0.01, 1e-15);
  EXPECT_NEAR(values[1].item<double>(), 1.0, 1e-15);
  EXPECT_NEAR(vectors.abs().min().item<double>(), std::sqrt(0.5), 1e-12);
}

TEST(DensityGaussian, OptionsSpreadOneNumberOverAllCoordinates) {
  TargetOptions options = named("gaussian");
  options.dim = 3;
  options.mean = {2};
  options.variances = {4};
  const auto target = make_target(options);
  EXPECT_EQ(target->dim(), 3);
  const double expected = 3 * normal_log_density(5, 2, 2);
  EXPECT_NEAR(target->log_density(point({5, -1, 5})).item<double>(), expected, 1e-12);
  options.dim.reset();
  EXPECT_EQ(make_target(options)->dim(), 1);
  EXPECT_EQ(make_target(named("gaussian"))->dim(), 2);
}

TEST(DensityFunnel, IsAProductOfNormals) {
  const std::vector<double> x = {1.3, -0.4, 2.2};
  double expected = normal_log_density(x[0], 0, 3);
  for (std::size_t i = 1; i < x.size(); ++i)
    expected += normal_log_density(x[i], 0, std::exp(x[0] / 2));
  EXPECT_NEAR(Funnel(3).log_density(point(x)).item<double>(), expected, 1e-12);
}

TEST(DensityFunnel, DrawsHaveUnitVarianceOnceTheirScaleIsTakenOff) {
  const Tensor draws = *Funnel().sample(20000, Seed(1).generator());
  const Tensor x1 = draws.narrow(1, 0, 1);
  const double root_n = std::sqrt(20000.0);
  EXPECT_LT(std::abs(x1.mean().item<double>()) / 3.0 * root_n, 4.0);
  EXPECT_LT(std::abs(x1.square().mean().item<double>() / 9.0 - 1.0) / std::sqrt(2.0) * root_n, 4.0);
  const Tensor whitened = draws.narrow(1, 1, 9) * (-0.5 * x1).exp();
  const Tensor z = (whitened.square().mean(0) - 1.0) / std::sqrt(2.0) * root_n;
  EXPECT_LT(z.abs().max().item<double>(), 4.5);  // nine of them
  EXPECT_NEAR((*Funnel().known().covariance)[1][1].item<double>(), std::exp(4.5), 1e-10);
}

TEST(DensityBanana, IsAProductOfNormals) {
  const double expected = normal_log_density(1.5, 0, 3) +
                          normal_log_density(-2, 0.25 * (1.5 * 1.5 - 9), 1) +
                          normal_log_density(.7, 0, 1);
  EXPECT_NEAR(Banana(3, 3, .25).log_density(point({1.5, -2, .7})).item<double>(), expected, 1e-12);
}

TEST(DensityDoubleWells, ManyWellHasItsPublishedLogNormaliser) {
  const auto target = make_target(named("many-well"));
  EXPECT_EQ(target->dim(), 32);
  EXPECT_NEAR(*target->known().log_z, 164.69568, 5e-6);
  const double pair = 16 * (std::log(11784.509265) + 0.5 * std::log(2 * M_PI));
  EXPECT_NEAR(*target->known().log_z, pair, 16 * 1e-10);
  const double x1 = 1.2;
  const double expected = -std::pow(x1, 4) + 6 * x1 * x1 + 0.5 * x1 - 0.5 * 0.49;
  TargetOptions two = named("many-well");
  two.dim = 2;
  EXPECT_NEAR(make_target(two)->log_density(point({x1, 0.7})).item<double>(), expected, 1e-13);
}

TEST(DensityDoubleWells, BothPublishedShapesHaveTheirLogNormalisers) {
  EXPECT_NEAR(*make_target(named("double-well"))->known().log_z, -0.541056, 1e-6);
  TargetOptions options = named("double-well");
  options.dim = 50;
  options.separation = 2;
  EXPECT_NEAR(*make_target(options)->known().log_z, 42.817243, 1e-6);
}

TEST(DensityDoubleWells, StaysExactForDeepAndForShallowWells) {
  // Deep: two Gaussians of variance 1/(8 δ), with the next term of the expansion in 1/δ² (Laplace's
  // method).
  TargetOptions options = named("double-well");
  options.dim = 1;
  options.separation = 1000;
  const double laplace = std::log(2.0) + 0.5 * std::log(2 * M_PI / 8000.0);
  EXPECT_NEAR(*make_target(options)->known().log_z, laplace, 1e-6);
  options.separation = 1e-9;  // ∫ exp(-x⁴) = 2 Γ(5/4)
  EXPECT_NEAR(*make_target(options)->known().log_z, std::log(2 * std::tgamma(1.25)), 1e-8);
}

TEST(DensityRing, HasTheClosedFormNormaliser) {
  // ∫ r exp(-(r-R)²/2s²) dr over r > 0 = s² e^{-R²/2s²} + R s √(2π) Φ(R/s)
  const double radius = 1.0;
  const double s = 0.8;
  const double integral =
      s * s * std::exp(-0.5 * radius * radius / (s * s)) +
      radius * s * std::sqrt(2 * M_PI) * 0.5 * std::erfc(-radius / s / std::sqrt(2.0));
  EXPECT_NEAR(*Ring(radius, s).known().log_z, std::log(2 * M_PI * integral), 1e-12);
}

TEST(DensityRing, TheOriginHasNoScoreButNoNaNEither) {
  const auto both = Ring().log_density_and_score(at::zeros({1, 2}, at::kFloat));
  EXPECT_NEAR(both.log_density.item<float>(), -72.0F, 1e-4F);
  EXPECT_TRUE(both.score.equal(at::zeros({1, 2}, at::kFloat)));
}

TEST(DensityMixture, EntropyIsExactInTheTwoLimits) {
  const double unit = std::log(2 * M_PI) + 1;  // of N(0, I) in the plane
  const auto mixture = [](double radius) {
    TargetOptions options = named("mixture-4");
    options.radius = radius;
    return *make_target(options)->known().entropy;
  };
  EXPECT_NEAR(mixture(1e-9), unit, 1e-9);                 // one Gaussian
  EXPECT_NEAR(mixture(100.0), unit + std::log(4), 1e-9);  // four that never meet
}

TEST(DensityMixture, EntropyAgreesWithAGridOverThePlane) {
  // By another route than the target's: -∫ p log p on one grid.
  const auto target = make_target(named("mixture-4"));
  const Tensor line = at::arange(-14.0, 14.0, 0.05, at::kDouble);
  const auto axes = at::meshgrid({line, line}, "ij");
  const Tensor log_p = target->log_density(at::stack(axes, -1));
  const double entropy = -(log_p.exp() * log_p).sum().item<double>() * 0.05 * 0.05;
  EXPECT_NEAR(*target->known().entropy, entropy, 1e-8);
}

TEST(DensityMixture, EntropyIsLeftOutWhereItIsNotCheap) {
  TargetOptions options = named("gmm40");
  options.dim = 3;
  EXPECT_FALSE(make_target(options)->known().entropy);
  EXPECT_TRUE(make_target(options)->known().covariance);
}

TEST(DensityMixture, Gmm40HasThePublishedMeans) {
  const Tensor means = gmm40_means(2);
  EXPECT_NEAR(means[0][0].item<double>(), -15.7582283, 5e-6);
  EXPECT_NEAR(means[0][1].item<double>(), 18.1165314, 5e-6);
  EXPECT_NEAR(means[4][0].item<double>(), 0.640182495, 5e-6);
  for (const std::int64_t dim : {2, 50}) {
    const std::string path = testing::shared_data(fmt::format("gmm40_means_{}d.csv", dim));
    if (!std::ifstream(path)) GTEST_SKIP() << "no " << path;
    const Tensor difference = gmm40_means(dim) - to_tensor(read_csv(path));
    EXPECT_LT(difference.abs().max().item<double>(), 5e-6)
        << dim;  // the files round to float32 another way
  }
}

TEST(DensityLine, KnowsANormalAndDrawsFromIt) {
  const LineDensity line([](double t) { return 7.0 - 0.5 * (t - 1) * (t - 1) / 4; }, -25.0, 27.0);
  EXPECT_NEAR(line.log_z(), 7.0 + std::log(2.0) + 0.5 * std::log(2 * M_PI), 1e-13);
  EXPECT_NEAR(line.expectation([](double t) { return t; }), 1.0, 1e-13);
  EXPECT_NEAR(line.expectation([](double t) { return (t - 1) * (t - 1); }), 4.0, 1e-12);
  // Kolmogorov-Smirnov distance against the normal's own distribution function; false alarm 1e-4.
  constexpr std::int64_t kDraws = 50000;
  const Tensor sorted = std::get<0>(line.sample(kDraws, Seed(2).generator()).sort());
  const Tensor expected = 0.5 * at::erfc(-(sorted - 1.0) / std::sqrt(8.0));
  const Tensor rank = (at::arange(kDraws, at::kDouble) + 0.5) / static_cast<double>(kDraws);
  EXPECT_LT((rank - expected).abs().max().item<double>() * std::sqrt(static_cast<double>(kDraws)),
            2.23);
}

TEST(DensityConstant, IsConvertedOnceAndKeepsItsOriginal) {
  const Constant constant(at::full({3}, 0.1, at::kDouble));
  const Tensor single = at::zeros({1}, at::kFloat);
  EXPECT_EQ(constant.like(single).scalar_type(), at::kFloat);
  EXPECT_TRUE(constant.like(single).is_same(constant.like(single)));
  EXPECT_TRUE(constant.like(at::zeros({1}, at::kDouble)).is_same(constant.exact()));
  const Constant copy = constant;
  EXPECT_TRUE(copy.like(single).is_same(constant.like(single)));
}

}  // namespace
}  // namespace ergon
