#include "ergon/density/log_density.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "ergon/core/random.hpp"
#include "ergon/density/counting.hpp"
#include "support/compare.hpp"

namespace ergon {
namespace {

using testing::expect_close;

/// log p̄(x) = -(x·x)² / 4: score -(x·x) x, Hessian -(x·x) I - 2 x xᵀ.
class Quartic : public LogDensity {
 public:
  explicit Quartic(std::int64_t dim) : dim_(dim) {}
  std::int64_t dim() const override { return dim_; }
  Tensor log_density(const Tensor& x) const override { return -0.25 * x.square().sum(-1).square(); }

 private:
  std::int64_t dim_;
};

/// Does not depend on x (slope 0) or is linear in it: no second derivative, nor, for slope 0, a
/// first.
class Plane : public LogDensity {
 public:
  explicit Plane(double slope) : slope_(slope) {}
  std::int64_t dim() const override { return 2; }
  Tensor log_density(const Tensor& x) const override {
    return slope_ == 0.0 ? at::zeros(x.sizes().slice(0, x.sizes().size() - 1),
                                     x.options().requires_grad(false))
                         : slope_ * x.sum(-1);
  }

 private:
  double slope_;
};

/// log x for x > 0, zero density elsewhere.
class HalfLine : public LogDensity {
 public:
  std::int64_t dim() const override { return 1; }
  Tensor log_density(const Tensor& x) const override { return x.clamp_min(0).log().squeeze(-1); }
};

Tensor some_points(std::vector<std::int64_t> shape, std::uint64_t seed = 1) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

TEST(DensityDefaults, ScoreAndHessianFollowFromTheLogDensityAlone) {
  const Quartic density(40);  // more directions than one pass takes
  const Tensor x = some_points({2, 3, 40});
  const Tensor v = some_points({2, 3, 40}, 2);
  const Tensor squared = x.square().sum(-1, true);
  const Tensor along = (x * v).sum(-1, true);
  expect_close(density.log_density_and_score(x).score, -squared * x, 1e-13, "score");
  expect_close(density.hessian_vector_product(x, v), -squared * v - 2.0 * along * x, 1e-13,
               "product");
  const Tensor hessian =
      -squared.unsqueeze(-1) * at::eye(40, at::kDouble) - 2.0 * x.unsqueeze(-1) * x.unsqueeze(-2);
  expect_close(density.hessian(x), hessian, 1e-13, "Hessian");
  expect_close(density.energy(x), 0.25 * squared.square().squeeze(-1), 1e-13, "energy");
}

TEST(DensityDefaults, AFlatOrLinearDensityHasZeroDerivativesInsteadOfAnError) {
  const Tensor x = some_points({4, 2});
  EXPECT_TRUE(Plane(0.0).log_density_and_score(x).score.equal(at::zeros_like(x)));
  EXPECT_TRUE(Plane(3.0).log_density_and_score(x).score.equal(at::full_like(x, 3.0)));
  for (const double slope : {0.0, 3.0}) {
    EXPECT_TRUE(Plane(slope).hessian_vector_product(x, x).equal(at::zeros_like(x)));
    EXPECT_TRUE(Plane(slope).hessian(x).equal(at::zeros({4, 2, 2}, at::kDouble)));
  }
}

TEST(DensityDefaults, ZeroDensityInOneRowLeavesTheOthersAlone) {
  const Tensor x = at::tensor({-1.0, 2.0}, at::kDouble).view({2, 1});
  const auto both = HalfLine().log_density_and_score(x);
  EXPECT_EQ(both.log_density[0].item<double>(), -std::numeric_limits<double>::infinity());
  EXPECT_DOUBLE_EQ(both.score[1][0].item<double>(), 0.5);
}

TEST(DensityDefaults, TheCallersTensorIsNotTouched) {
  const Tensor x = some_points({3, 2});
  Quartic(2).log_density_and_score(x);
  Quartic(2).hessian(x);
  EXPECT_FALSE(x.requires_grad());
  EXPECT_FALSE(x.grad().defined());
}

TEST(DensityDefaults, AGraphReachesThroughTheScoreToEarlierVariables) {
  const Quartic density(2);
  const Tensor shift = at::zeros({2}, at::kDouble).requires_grad_(true);
  const Tensor x = some_points({3, 2}) + shift;  // not a leaf
  const auto both = density.log_density_and_score(x);
  const Tensor gradient = torch::autograd::grad({both.score.sum()}, {shift})[0];
  const Tensor ones = at::ones({3, 2}, at::kDouble);
  expect_close(gradient, density.hessian_vector_product(x.detach(), ones).sum(0), 1e-13, "shift");
}

TEST(DensityDefaults, AHessianProductIsDifferentiableInItsVectorAlone) {
  const Quartic density(2);
  const Tensor x = some_points({3, 2});
  const Tensor v = some_points({3, 2}, 2).requires_grad_(true);
  const Tensor product = density.hessian_vector_product(x, v);
  ASSERT_TRUE(product.requires_grad());
  const Tensor gradient = torch::autograd::grad({product.sum()}, {v})[0];
  expect_close(gradient, density.hessian_vector_product(x, at::ones_like(x)), 1e-13, "vector");
}

TEST(DensityDefaults, WorkUnderInferenceMode) {
  const Quartic density(2);
  const Tensor outside = some_points({3, 2});
  const Tensor expected = density.log_density_and_score(outside).score;
  const c10::InferenceMode inference;
  expect_close(density.log_density_and_score(outside.clone()).score, expected, 1e-13, "score");
  expect_close(density.hessian_vector_product(outside.clone(), outside),
               -3.0 * outside.square().sum(-1, true) * outside, 1e-13, "product");
}

TEST(DensityCounting, CountsPointsAndPassesResultsOn) {
  const Quartic density(3);
  CountingDensity counting(density);
  const Tensor x = some_points({2, 5, 3});
  expect_close(counting.log_density(x), density.log_density(x), 0.0, "log density");
  EXPECT_EQ(counting.counts().log_density, 10);
  EXPECT_EQ(counting.counts().gradient, 0);
  expect_close(counting.log_density_and_score(x).score, density.log_density_and_score(x).score, 0.0,
               "score");
  EXPECT_EQ(counting.counts().log_density, 20);
  EXPECT_EQ(counting.counts().gradient, 10);
  expect_close(counting.hessian_vector_product(x, x), density.hessian_vector_product(x, x), 0.0,
               "product");
  EXPECT_EQ(counting.counts().hessian_vector, 10);
  expect_close(counting.hessian(x), density.hessian(x), 0.0, "Hessian");
  EXPECT_EQ(counting.counts().hessian_vector, 10 + 3 * 10);
  EXPECT_EQ(counting.counts().gradient, 10);
  EXPECT_EQ(counting.dim(), 3);
}

TEST(DensityCounting, ResumesFromEarlierCounts) {
  const Quartic density(3);
  CountingDensity counting(density);
  counting.set_counts({100, 50, 25});
  counting.log_density_and_score(some_points({4, 3}));
  EXPECT_EQ(counting.counts().log_density, 104);
  EXPECT_EQ(counting.counts().gradient, 54);
  EXPECT_EQ(counting.counts().hessian_vector, 25);
}

}  // namespace
}  // namespace ergon
