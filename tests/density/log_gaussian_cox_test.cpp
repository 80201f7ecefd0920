#include "ergon/density/log_gaussian_cox.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "density/targets.hpp"
#include "ergon/core/files.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::named;

const char* const kPines = "data/finnish_pines.csv";

std::unique_ptr<Target> pines(const std::string& file, std::optional<std::int64_t> grid = {}) {
  TargetOptions options = named("finnish-pines");
  options.data_file = file;
  options.grid = grid;
  return make_target(options);
}

TEST(DensityLogGaussianCox, PointsAreCountedWhereTheyLie) {
  const Tensor points =
      at::tensor({0., 0., 0.49, 0.51, 1., 1., 0.5, 0.2, 0.99, 0.99}, at::kDouble).view({5, 2});
  const Tensor expected = at::tensor({1., 1., 1., 2.}, at::kDouble).view({2, 2});
  EXPECT_TRUE(count_in_cells(points, 2).equal(expected));
  EXPECT_THROW(count_in_cells(points + 0.1, 2), InvalidInput);
  EXPECT_THROW(count_in_cells(points.t(), 2), InvalidInput);
}

TEST(DensityLogGaussianCox, TheLogDensityIsTheDenseFormula) {
  constexpr std::int64_t kSide = 3;
  const Tensor counts = at::tensor({2., 0., 1., 0., 3., 0., 1., 0., 0.}, at::kDouble);
  const LogGaussianCox target("cox", counts.view({kSide, kSide}));
  Tensor covariance = at::empty({9, 9}, at::kDouble);
  for (std::int64_t i = 0; i < 9; ++i) {
    for (std::int64_t j = 0; j < 9; ++j) {
      const double rows = static_cast<double>(i / kSide - j / kSide) / kSide;
      const double columns = static_cast<double>(i % kSide - j % kSide) / kSide;
      covariance[i][j] = 1.91 * std::exp(-33.0 * std::hypot(rows, columns));
    }
  }
  const double mean = std::log(7.0) - 1.91 / 2;
  const Tensor x = draw::normal_like(at::empty({9}, at::kDouble), Seed(71).generator());
  const Tensor offset = x - mean;
  const Tensor quadratic = at::dot(offset, at::matmul(at::linalg_inv(covariance), offset));
  const Tensor log_det = at::linalg_det(2 * M_PI * covariance).log();
  const Tensor poisson = (counts * x - x.exp() / 9.0).sum();
  const double expected = (poisson - 0.5 * (quadratic + log_det)).item<double>();
  EXPECT_NEAR(target.log_density(x.unsqueeze(0)).item<double>(), expected, 1e-11);
  const Tensor root = target.prior_root();
  expect_close(at::matmul(root, root.t()), covariance, 1e-13, "root of K");
  EXPECT_DOUBLE_EQ(target.prior_mean(), mean);
}

TEST(DensityLogGaussianCox, ThePublishedPinesHaveTheirDensityAndReference) {
  ERGON_SKIP_WITHOUT_SHARED(kPines);
  const auto target = pines(testing::shared_path(kPines));
  ASSERT_EQ(target->dim(), 1600);
  // At x_i = 3 + sin i; computed apart by a solve with K and its determinant.
  const Tensor x = (3.0 + at::arange(1600, at::kDouble).sin()).unsqueeze(0);
  EXPECT_NEAR(target->log_density(x).item<double>(), -1790.3616290439038, 1e-8);
  EXPECT_EQ(*target->known().log_z, 501.70);
  EXPECT_EQ(target->known().log_z_standard_error, 0.05);
  const auto both = target->log_density_and_score(x.to(at::kFloat));
  EXPECT_NEAR(both.log_density.item<double>(), -1790.3616, 0.02);
}

TEST(DensityLogGaussianCox, OtherPointsOrCellsHaveNoReference) {
  ERGON_SKIP_WITHOUT_SHARED(kPines);
  const std::string path = testing::shared_path(kPines);
  EXPECT_FALSE(pines(path, 20)->known().log_z);
  EXPECT_EQ(pines(path, 20)->dim(), 400);
  std::string text = read_file(path);
  text.erase(text.rfind('\n', text.size() - 2) + 1);
  EXPECT_FALSE(pines(testing::text_file("fewer_pines.csv", text), 40)->known().log_z);
}

TEST(DensityLogGaussianCox, FaultsOfTheFileAreSaid) {
  const auto refusal = [](const std::string& name, const std::string& csv) {
    try {
      pines(testing::text_file(name, csv), 3);
    } catch (const InvalidInput& problem) {
      return std::string(problem.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal("three.csv", "a,b,c\n0.1,0.2,0.3\n").find("expected the columns data_x"),
            std::string::npos);
  const std::string outside = refusal("outside.csv", "0.1,0.2\n1.5,0\n");
  EXPECT_NE(outside.find("outside.csv: points must lie in the unit square"), std::string::npos)
      << outside;
  EXPECT_EQ(refusal("two.csv", "0.1,0.2\n0.5,0\n"), "");
  EXPECT_THROW(LogGaussianCox("cox", at::zeros({2, 2}, at::kDouble)), InvalidInput);
  EXPECT_THROW(LogGaussianCox("cox", at::ones({2, 3}, at::kDouble)), InvalidInput);
}

}  // namespace
}  // namespace ergon
