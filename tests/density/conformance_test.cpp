#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "density/targets.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon {
namespace {

using testing::expect_close;
using testing::is_close;
using testing::points_for;
using testing::TargetCase;

constexpr double kFiniteDifferences = 1e-6;  // relative
constexpr double kTwoWays = 1e-10;           // the same number by two exact formulas
constexpr double kFalseAlarm = 1e-4;         // of a statistical test

/// z with P(|N(0,1)| > z) = probability.
double z_limit(double probability) {
  double low = 0.0;
  double high = 10.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (std::erfc(middle / std::sqrt(2.0)) > probability ? low : high) = middle;
  }
  return high;
}

/// d f / d x_i for every coordinate, appended as the last dimension: five-point central
/// differences, error O(h⁴).
template <class Function>
Tensor finite_differences(const Function& f, const Tensor& x) {
  constexpr double kStep = 1e-3;
  std::vector<Tensor> columns;
  for (std::int64_t i = 0; i < x.size(-1); ++i) {
    const Tensor h = at::zeros({x.size(-1)}, x.options());
    h[i] = kStep;
    columns.push_back((8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) /
                      (12.0 * kStep));
  }
  return at::stack(columns, -1);
}

class TargetConformance : public ::testing::TestWithParam<TargetCase> {
 protected:
  std::unique_ptr<Target> target = make_target(GetParam().options);
  Tensor x = points_for(*target, 8);
  Tensor v = draw::normal_like(x, Seed(3).generator());
};

TEST_P(TargetConformance, ScoreIsTheGradientByFiniteDifferences) {
  const auto both = target->log_density_and_score(x);
  expect_close(both.log_density, target->log_density(x), 1e-13, "log density in two calls");
  const Tensor expected =
      finite_differences([&](const Tensor& p) { return target->log_density(p); }, x);
  expect_close(both.score, expected, kFiniteDifferences, "score");
}

TEST_P(TargetConformance, ScoreIsTheGradientByAutograd) {
  const Tensor expected = target->LogDensity::log_density_and_score(x).score;
  EXPECT_TRUE(is_close(target->log_density_and_score(x).score.clone(), expected, kTwoWays));
}

TEST_P(TargetConformance, HessianVectorProductIsTheDerivativeOfTheScore) {
  const auto score = [&](const Tensor& p) { return target->log_density_and_score(p).score; };
  const Tensor jacobian = finite_differences(score, x);  // (n, D, D)
  const Tensor expected = at::matmul(jacobian, v.unsqueeze(-1)).squeeze(-1);
  const Tensor product = target->hessian_vector_product(x, v);
  expect_close(product, expected, kFiniteDifferences, "Hessian-vector product");
  const Tensor by_autograd = target->LogDensity::hessian_vector_product(x, v);
  EXPECT_TRUE(is_close(product.clone(), by_autograd, kTwoWays))
      << "against a second differentiation";
}

TEST_P(TargetConformance, HessianIsSymmetricAndMadeOfItsProducts) {
  const Tensor hessian = target->hessian(x);
  ASSERT_EQ(hessian.sizes(), at::IntArrayRef({8, target->dim(), target->dim()}));
  if (target->dim() > 1) expect_close(hessian, hessian.transpose(-1, -2), kTwoWays, "symmetry");
  const Tensor product = at::matmul(hessian, v.unsqueeze(-1)).squeeze(-1);
  expect_close(product, target->hessian_vector_product(x, v), kTwoWays, "product");
}

TEST_P(TargetConformance, LeadingDimensionsAreIndependentProblems) {
  const Tensor flat = points_for(*target, 24);
  const Tensor flat_v = draw::normal_like(flat, Seed(4).generator());
  const std::vector<std::int64_t> shape = {2, 3, 4, target->dim()};
  const Tensor batched = flat.view(shape);
  const auto expected = target->log_density_and_score(flat);
  const auto actual = target->log_density_and_score(batched);
  const Tensor value = target->log_density(batched);
  ASSERT_EQ(value.sizes(), at::IntArrayRef({2, 3, 4}));
  ASSERT_EQ(actual.score.sizes(), at::IntArrayRef(shape));
  expect_close(value.view({24}), expected.log_density, 1e-12, "log density");
  expect_close(actual.score.view_as(flat), expected.score, 1e-12, "score");
  expect_close(target->hessian_vector_product(batched, flat_v.view(shape)).view_as(flat),
               target->hessian_vector_product(flat, flat_v), 1e-12, "Hessian-vector product");
}

TEST_P(TargetConformance, RowsDoNotDependOnEachOther) {
  const Tensor alone = target->log_density(x.narrow(0, 2, 1));
  expect_close(alone, target->log_density(x).narrow(0, 2, 1), 1e-12, "one row");
}

TEST_P(TargetConformance, SinglePrecisionInGivesSinglePrecisionOut) {
  // Points are rounded first, so that only the arithmetic differs.
  const Tensor single = x.to(at::kFloat);
  const Tensor rounded = single.to(at::kDouble);
  const auto actual = target->log_density_and_score(single);
  const auto expected = target->log_density_and_score(rounded);
  EXPECT_EQ(actual.log_density.scalar_type(), at::kFloat);
  EXPECT_EQ(actual.score.scalar_type(), at::kFloat);
  EXPECT_EQ(target->hessian_vector_product(single, v.to(at::kFloat)).scalar_type(), at::kFloat);
  const double tolerance = 10 * testing::tolerance<float>();
  expect_close(actual.log_density, expected.log_density, tolerance, "log density");
  expect_close(actual.score, expected.score, tolerance, "score");
}

TEST_P(TargetConformance, StaysFiniteFarOut) {
  const Tensor far = 50.0 * draw::rademacher_like(at::empty({64, target->dim()}, at::kDouble),
                                                  Seed(5).generator());
  const auto both = target->log_density_and_score(far);
  EXPECT_TRUE(at::isfinite(both.log_density).all().item<bool>());
  EXPECT_TRUE(at::isfinite(both.score).all().item<bool>());
  EXPECT_FALSE(target->hessian_vector_product(far, at::ones_like(far)).isnan().any().item<bool>());
  const auto single = target->log_density_and_score(far.to(at::kFloat));
  EXPECT_FALSE(single.log_density.isnan().any().item<bool>());
  const Tensor lost = single.score.isnan().any(-1) & at::isfinite(single.log_density);
  EXPECT_FALSE(lost.any().item<bool>());
}

TEST_P(TargetConformance, ResultsCarryAGraphOnlyWhenAskedTo) {
  EXPECT_FALSE(target->log_density(x).requires_grad());
  EXPECT_FALSE(target->log_density_and_score(x).score.requires_grad());
  EXPECT_FALSE(target->hessian_vector_product(x, v).requires_grad());
  const Tensor leaf = x.clone().requires_grad_(true);
  {
    const c10::AutoGradMode off(false);
    EXPECT_FALSE(target->log_density_and_score(leaf).score.requires_grad());
  }
  const auto both = target->log_density_and_score(leaf);
  ASSERT_TRUE(both.log_density.requires_grad());
  ASSERT_TRUE(both.score.requires_grad());
  const auto gradient =
      torch::autograd::grad({(both.score * v).sum()}, {leaf}, {}, true, false, true)[0];
  EXPECT_TRUE(is_close(gradient.defined() ? gradient : at::zeros_like(x),
                       target->hessian_vector_product(x, v), kTwoWays));
}

TEST_P(TargetConformance, DrawsHaveTheKnownMeanAndCovariance) {
  constexpr std::int64_t kDraws = 20000;
  const KnownAnswers known = target->known();
  const auto draws = target->sample(kDraws, Seed(6).generator());
  if (!draws) GTEST_SKIP() << "no exact sampler";
  ASSERT_EQ(draws->sizes(), at::IntArrayRef({kDraws, target->dim()}));
  ASSERT_TRUE(known.mean);
  if (!known.covariance) GTEST_SKIP() << "no finite covariance; see DensityStudentTMixture";
  if (GetParam().label == "funnel")
    GTEST_SKIP() << "the squares have no usable variance; see DensityFunnel";
  const double d = static_cast<double>(target->dim());
  const double limit = z_limit(kFalseAlarm / (d + d * (d + 1) / 2));
  const double root_n = std::sqrt(static_cast<double>(kDraws));
  const Tensor centred = *draws - *known.mean;
  const Tensor z = centred.mean(0) / at::sqrt(known.covariance->diagonal()) * root_n;
  EXPECT_LT(z.abs().max().item<double>(), limit) << "mean";
  for (std::int64_t i = 0; i < target->dim(); ++i) {
    const Tensor products = centred.narrow(1, i, 1) * centred.narrow(1, i, target->dim() - i);
    const Tensor expected = (*known.covariance)[i].narrow(0, i, target->dim() - i);
    const Tensor z_row = (products.mean(0) - expected) / products.std(0) * root_n;
    EXPECT_LT(z_row.abs().max().item<double>(), limit) << "covariance, row " << i;
  }
}

TEST_P(TargetConformance, EntropyIsTheMeanSurpriseOfDraws) {
  constexpr std::int64_t kDraws = 20000;
  const KnownAnswers known = target->known();
  const auto draws = target->sample(kDraws, Seed(7).generator());
  if (!draws || !known.entropy) GTEST_SKIP() << "no sampler, or no known entropy";
  ASSERT_TRUE(known.log_z);
  const Tensor surprise = *known.log_z - target->log_density(*draws);
  const double error = surprise.std().item<double>() / std::sqrt(static_cast<double>(kDraws));
  EXPECT_NEAR(surprise.mean().item<double>(), *known.entropy, 4 * error);
}

TEST_P(TargetConformance, LogNormaliserInThePlaneIsThatOfAGrid) {
  const KnownAnswers known = target->known();
  if (target->dim() != 2 || !known.log_z || !known.covariance)
    GTEST_SKIP() << "not in the plane, or log Z unknown, or tails that no grid holds";
  constexpr std::int64_t kNodes = 801;
  const Tensor draws = *target->sample(4000, Seed(8).generator());
  const Tensor low = draws.amin(0);
  const Tensor margin = 1.25 * (draws.amax(0) - low);
  const Tensor step = (draws.amax(0) - low + 2.0 * margin) / static_cast<double>(kNodes - 1);
  const Tensor index = at::arange(kNodes, at::kDouble);
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < kNodes; ++i) {
    const Tensor node =
        at::stack({at::full({kNodes}, static_cast<double>(i), at::kDouble), index}, -1);
    rows.push_back(at::logsumexp(target->log_density(low - margin + node * step), {0}));
  }
  const double log_z = (at::logsumexp(at::stack(rows), {0}) + step.log().sum()).item<double>();
  EXPECT_NEAR(log_z, *known.log_z, 1e-6);
}

TEST_P(TargetConformance, ModesArePointsOfTheSpaceAndNotTooMany) {
  const auto modes = target->modes();
  if (!modes) GTEST_SKIP() << "no modes to count";
  ASSERT_EQ(modes->dim(), 2);
  EXPECT_EQ(modes->size(1), target->dim());
  EXPECT_GE(modes->size(0), 2);
  EXPECT_LE(modes->size(0), Target::kMaxModes);
  EXPECT_EQ(modes->scalar_type(), at::kDouble);
  EXPECT_EQ(std::get<0>(at::unique_dim(*modes, 0)).size(0), modes->size(0));
}

TEST_P(TargetConformance, DrawsDependOnTheGeneratorAlone) {
  const auto first = target->sample(50, Seed(9).generator());
  if (!first) GTEST_SKIP() << "no exact sampler";
  testing::expect_same_bits(*first, *target->sample(50, Seed(9).generator()), "same seed");
  EXPECT_FALSE(first->equal(*target->sample(50, Seed(10).generator())));
  EXPECT_EQ(target->sample(0, Seed(9).generator())->size(0), 0);
}

TEST_P(TargetConformance, PointsOfAnotherDimensionAreRefused) {
  try {
    target->log_density(at::zeros({5, target->dim() + 1}, at::kDouble));
    FAIL() << "not refused";
  } catch (const InvalidInput& problem) {
    EXPECT_NE(std::string(problem.what()).find("has dimension"), std::string::npos)
        << problem.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Density,
                         TargetConformance,
                         ::testing::ValuesIn(testing::all_targets()),
                         [](const auto& info) { return info.param.label; });

TEST(DensityConformanceList, CoversEveryTargetOfTheCatalogue) {
  for (const auto& entry : target_catalogue()) {
    const auto cases = testing::all_targets();
    const bool covered = std::any_of(cases.begin(), cases.end(), [&](const TargetCase& target) {
      return target.options.name == entry.name;
    });
    EXPECT_TRUE(covered) << entry.name;
  }
}

}  // namespace
}  // namespace ergon
