#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "density/targets.hpp"
#include "ergon/core/csv.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/correlated_mixture.hpp"
#include "ergon/density/double_wells.hpp"
#include "ergon/density/hypercube_mixture.hpp"
#include "ergon/density/mixture.hpp"
#include "ergon/density/published_uniform.hpp"
#include "ergon/density/student_t_mixture.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::named;

Tensor numbers(std::vector<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble);
}

TEST(DensityPublishedUniform, TakesAnEvenNumberOfDraws) {
  EXPECT_THROW(published_uniform(3, 3, 0.0F, 1.0F), InvalidInput);
  EXPECT_THROW(published_uniform(0, 2, 0.0F, 1.0F), InvalidInput);
  const Tensor draws = published_uniform(40, 50, -40.0F, 40.0F);
  EXPECT_GE(draws.min().item<double>(), -40.0);
  EXPECT_LT(draws.max().item<double>(), 40.0);
}

TEST(DensityStudentTMixture, HasThePublishedLocations) {
  for (const std::int64_t dim : {2, 50}) {
    const std::string file = fmt::format("data/mos10_locations_{}d.csv", dim);
    ERGON_SKIP_WITHOUT_SHARED(file);
    TargetOptions options = named("mixture-student-t");
    options.dim = dim;
    const Tensor expected = to_tensor(read_csv(testing::shared_path(file)));
    const Tensor difference = *make_target(options)->modes() - expected;
    EXPECT_LT(difference.abs().max().item<double>(), 1e-7) << dim;  // the files' nine digits
  }
}

TEST(DensityStudentTMixture, TheLogDensityAtPointsIsTheFormula) {
  // Computed apart, from the published table.
  const auto target = make_target(named("mixture-student-t"));
  const Tensor x = numbers({0, 0, 7.5, -6}).view({2, 2});
  expect_close(target->log_density(x), numbers({-7.600869773700087, -4.747595717247301}), 1e-8,
               "log density");
}

TEST(DensityStudentTMixture, OnTheLineItIsNormalised) {
  // x = 3 sinh u takes the power tails to exponential ones.
  const StudentTMixture target("line", numbers({-4, 0.5, 9}).view({3, 1}));
  constexpr double kStep = 1e-3;
  const Tensor u = at::arange(-16.0, 16.0, kStep, at::kDouble);
  const Tensor log_p = target.log_density(3.0 * u.sinh().unsqueeze(-1));
  EXPECT_NEAR((log_p.exp() * 3.0 * u.cosh()).sum().item<double>() * kStep, 1.0, 1e-10);
}

TEST(DensityStudentTMixture, DrawsFollowItsDistributionFunction) {
  const std::vector<double> locations = {-4, 0.5, 9};
  const StudentTMixture target("line", numbers(locations).view({3, 1}));
  constexpr std::int64_t kDraws = 50000;
  const Tensor sorted = std::get<0>(target.sample(kDraws, Seed(31).generator())->view({-1}).sort());
  Tensor expected = at::zeros_like(sorted);
  for (const double location : locations) {  // F(z) = 1/2 + z / (2 √(2 + z²))
    const Tensor z = sorted - location;
    expected += (0.5 + 0.5 * z / (2.0 + z.square()).sqrt()) / 3.0;
  }
  const Tensor rank = (at::arange(kDraws, at::kDouble) + 0.5) / static_cast<double>(kDraws);
  EXPECT_LT((rank - expected).abs().max().item<double>() * std::sqrt(static_cast<double>(kDraws)),
            2.23);  // Kolmogorov-Smirnov, false alarm 1e-4
}

TEST(DensityStudentTMixture, RefusesLocationsThatDoNotFit) {
  EXPECT_THROW(StudentTMixture("t", at::zeros({3}, at::kDouble)), InvalidInput);
  EXPECT_THROW(StudentTMixture("t", at::full({3, 2}, NAN, at::kDouble)), InvalidInput);
  TargetOptions options = named("mixture-student-t");
  options.means_file = testing::text_file("t_locations.csv", "0,1\n2,3\n");
  options.dim = 3;
  EXPECT_THROW(make_target(options), InvalidInput);
}

TEST(DensityHypercubeMixture, IsTheMixtureOfItsCorners) {
  const HypercubeMixture target;
  const Tensor corners = *target.modes();
  ASSERT_EQ(corners.sizes(), at::IntArrayRef({64, 6}));
  EXPECT_TRUE((corners.abs() == 1).all().item<bool>());
  const GaussianMixture same("same", corners, at::ones({64}, at::kDouble), std::sqrt(0.5));
  const Tensor x = testing::points_for(target, 20);
  const auto both = target.log_density_and_score(x);
  expect_close(both.log_density, same.log_density(x), 1e-12, "log density");
  expect_close(both.score, same.log_density_and_score(x).score, 1e-12, "score");
}

TEST(DensityHypercubeMixture, EntropyIsThatOfAQuadratureInThePlane) {
  const HypercubeMixture target(2, 0.5);
  const GaussianMixture same("same", *target.modes(), at::ones({4}, at::kDouble), std::sqrt(0.5));
  EXPECT_NEAR(*target.known().entropy, *same.known().entropy, 1e-8);
  EXPECT_NEAR(*HypercubeMixture(6, 0.5).known().entropy, 3 * *same.known().entropy, 3e-8);
  EXPECT_FALSE(HypercubeMixture(11, 0.5).modes());
  EXPECT_THROW(HypercubeMixture(0, 0.5), InvalidInput);
  EXPECT_THROW(HypercubeMixture(2, 0.0), InvalidInput);
}

TEST(DensityCorrelatedMixture, TheChallengingOneIsTheFormula) {
  // Computed apart; the entropy on two grids over the plane.
  const auto target = make_target(named("challenging-mixture"));
  const Tensor x = numbers({1.2, .4, -1, -2}).view({2, 2});
  expect_close(target->log_density(x), numbers({-3.982923761012614, -10.462207024896825}), 1e-13,
               "log density");
  EXPECT_NEAR(*target->known().entropy, 3.086881388115182, 1e-8);
}

TEST(DensityCorrelatedMixture, TheChallengingOneIsBlindToSwappingItsCoordinates) {
  const auto target = make_target(named("challenging-mixture"));
  const Tensor x = testing::points_for(*target, 40);
  const auto here = target->log_density_and_score(x);
  const auto there = target->log_density_and_score(x.flip({-1}));
  expect_close(there.log_density, here.log_density, 1e-13, "log density");
  expect_close(there.score, here.score.flip({-1}), 1e-12, "score");
}

TEST(DensityCorrelatedMixture, WithEqualSpheresIsAGaussianMixture) {
  const Tensor means = numbers({0, 0, 3, 1, -2, 2}).view({3, 2});
  const Tensor covariances = (0.49 * at::eye(2, at::kDouble)).expand({3, 2, 2});
  const CorrelatedMixture target("spheres", means, covariances);
  const GaussianMixture same("same", means, at::ones({3}, at::kDouble), 0.7);
  const Tensor x = testing::points_for(target, 20);
  expect_close(target.log_density(x), same.log_density(x), 1e-12, "log density");
  EXPECT_NEAR(*target.known().entropy, *same.known().entropy, 1e-8);
  expect_close(*target.known().covariance, *same.known().covariance, 1e-13, "covariance");
}

TEST(DensityCorrelatedMixture, RefusesCovariancesThatAreNone) {
  const Tensor means = at::zeros({2, 2}, at::kDouble);
  const Tensor good = at::eye(2, at::kDouble).expand({2, 2, 2});
  EXPECT_THROW(CorrelatedMixture("m", means, good.narrow(0, 0, 1)), InvalidInput);
  EXPECT_THROW(CorrelatedMixture("m", means, -good), InvalidInput);
  EXPECT_THROW(CorrelatedMixture("m", means, numbers({1, .5, 0, 1, 1, .5, 0, 1}).view({2, 2, 2})),
               InvalidInput);
}

TEST(DensityModes, OfDoubleWellsAreTheirMaxima) {
  TargetOptions options = named("many-well");
  options.dim = 6;
  const auto target = make_target(options);
  const Tensor modes = *target->modes();
  ASSERT_EQ(modes.size(0), 8);
  EXPECT_LT(target->log_density_and_score(modes).score.abs().max().item<double>(), 1e-12);
  EXPECT_LT(target->hessian(modes).diagonal(0, -2, -1).max().item<double>(), 0.0);
  EXPECT_NEAR(modes.max().item<double>(), 1.7, 0.1);  // the published ±1.7
  EXPECT_FALSE(make_target(named("many-well"))->modes()) << "65536 of them";
  EXPECT_EQ(make_target(named("double-well"))->modes()->size(0), 32);
  EXPECT_FALSE(DoubleWells("tilted", {-1.0, 6.0, 50.0, 0.0}, {true}).modes()) << "it has one";
}

TEST(DensityModes, OfMixturesAreTheirMeans) {
  const auto target = make_target(named("gmm40"));
  EXPECT_TRUE(target->modes()->equal(gmm40_means(2)));
  EXPECT_FALSE(make_target(named("funnel"))->modes());
}

}  // namespace
}  // namespace ergon
