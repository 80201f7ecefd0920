#include "ergon/density/affine.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/density/gaussian.hpp"
#include "support/compare.hpp"
#include "support/contracts.hpp"
#include "support/named_target.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

/// A full lower triangle with entries of order one; the upper one holds numbers nobody may read.
Tensor some_scale(std::int64_t dim, std::uint64_t seed) {
  const Tensor scale = 0.5 * normal({dim, dim}, seed);
  scale.diagonal().abs_().add_(0.3);
  return scale;
}

/// A density whose third derivatives do not vanish, with the defaults for score and Hessian.
class Curved : public LogDensity {
 public:
  std::int64_t dim() const override { return 3; }
  Tensor log_density(const Tensor& x) const override {
    return -x.cosh().log().sum(-1) - 0.05 * x.pow(2).sum(-1).pow(2);
  }
};

/// LogDensity's own score and products, from log_density alone.
class WithoutClosedForms : public LogDensity {
 public:
  explicit WithoutClosedForms(const LogDensity& base) : base_(base) {}
  std::int64_t dim() const override { return base_.dim(); }
  Tensor log_density(const Tensor& x) const override { return base_.log_density(x); }

 private:
  const LogDensity& base_;
};

TEST(DensityAffineMap, IsABijection) {
  for (const std::int64_t dim : {1, 2, 7}) {
    const AffineMap map(normal({dim}, 1), some_scale(dim, 2));
    Tensor points = normal({200, dim}, 3);
    points.slice(0, 100) *= 1e4;
    expect_bijection_contract(map, points, 100 * kTight, fmt::format("affine map of R^{}", dim));
  }
}

TEST(DensityAffineMap, LogDeterminantIsThatOfItsJacobian) {
  const AffineMap map(normal({4}, 1), some_scale(4, 2));
  const Tensor z = normal({1, 4}, 3).requires_grad_();
  const Mapped there = map.forward(z);
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < 4; ++i)
    rows.push_back(torch::autograd::grad({there.points[0][i]}, {z}, {}, true)[0][0]);
  const Tensor jacobian = at::stack(rows);
  EXPECT_NEAR(there.log_det.item<double>(),
              std::get<1>(at::linalg_slogdet(jacobian)).item<double>(), kTight);
  // Scores change by the transposed Jacobian.
  const Tensor score = normal({2, 5, 4}, 4);
  expect_close(map.pull_back(score), at::matmul(score, jacobian), kTight, "pull_back");
  expect_close(map.push_back(map.pull_back(score)), score, kTight, "push_back undoes pull_back");
  expect_close(map.push_back(score[0][0]), map.push_back(score)[0][0], kTight, "a single vector");
}

TEST(DensityAffineMap, ReadsTheLowerTriangleAlone) {
  const Tensor scale = some_scale(3, 2), z = normal({5, 3}, 3), location = normal({3}, 1);
  expect_close(AffineMap(location, scale).forward(z).points,
               AffineMap(location, scale.tril()).forward(z).points, 0.0, "points");
  expect_close(AffineMap(location, scale).forward(z).points,
               location + at::matmul(z, scale.tril().t()), kTight, "m + L z");
}

TEST(DensityAffineMap, GradientsReachPointsLocationAndScaleInBothDirections) {
  const Tensor location = normal({3}, 1).requires_grad_();
  const Tensor scale = some_scale(3, 2).requires_grad_();
  const Tensor z = normal({4, 3}, 3).requires_grad_(), weight = normal({4, 3}, 4);
  const AffineMap map(location, scale);
  const auto of_forward = torch::autograd::grad(
      {(map.forward(z).points * weight).sum() + map.log_det()}, {z, location, scale});
  expect_close(of_forward[0], at::matmul(weight, scale.tril()), kTight, "d/dz");
  expect_close(of_forward[1], weight.sum(0), kTight, "d/dm");
  expect_close(of_forward[2],
               (at::matmul(weight.t(), z) + at::diag(scale.diagonal().reciprocal())).tril(), kTight,
               "d/dL");
  // The inverse: d/dx = L⁻ᵀ w, d/dm its negative, d/dL = -(L⁻ᵀ w) zᵀ.
  const Mapped back = map.inverse(z);
  const auto of_inverse =
      torch::autograd::grad({(back.points * weight).sum()}, {z, location, scale}, {}, true);
  const Tensor pushed = at::matmul(weight, scale.tril().inverse());
  expect_close(of_inverse[0], pushed, kTight, "inverse d/dx");
  expect_close(of_inverse[1], -pushed.sum(0), kTight, "inverse d/dm");
  expect_close(of_inverse[2], -at::matmul(pushed.t(), back.points).tril(), kTight, "inverse d/dL");
}

TEST(DensityAffineMap, RefusesShapesThatDoNotFitAndDiagonalsThatAreNotPositive) {
  const Tensor location = at::zeros({2}, at::kDouble), unit = at::eye(2, at::kDouble);
  EXPECT_THROW(AffineMap(at::zeros({3}, at::kDouble), unit), InvalidInput);
  EXPECT_THROW(AffineMap(location.unsqueeze(0), unit), InvalidInput);
  EXPECT_THROW(AffineMap(location, unit[0]), InvalidInput);
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    const Tensor scale = unit.clone();
    scale[1][1].fill_(bad);
    EXPECT_THROW(AffineMap(location, scale), InvalidInput) << bad;
  }
  EXPECT_THROW(AffineMap(location, unit).forward(at::zeros({4, 3}, at::kDouble)), InvalidInput);
  EXPECT_THROW(AffineDensity(Curved(), AffineMap(location, unit)), InvalidInput);
}

TEST(DensityAffine, ScoreAndHessianProductsAreThoseOfItsLogDensity) {
  const Curved base;
  const AffineDensity density(base, AffineMap(normal({3}, 1), some_scale(3, 2)));
  const WithoutClosedForms plain(density);
  const Tensor z = normal({2, 5, 3}, 3), v = normal({2, 5, 3}, 4);
  const auto both = density.log_density_and_score(z);
  expect_close(both.log_density, density.log_density(z), kTight, "log density");
  expect_close(both.score, plain.log_density_and_score(z).score, kTight, "score");
  expect_close(density.hessian_vector_product(z, v), plain.hessian_vector_product(z, v), kTight,
               "Hessian product");
  expect_close(density.hessian(z), plain.hessian(z), kTight, "Hessian");
}

TEST(DensityAffine, SeesAGaussianAsTheGaussianOfTheOtherCoordinates) {
  const auto target = named_target("gaussian-worked");
  const Tensor mean = *target->known().mean, covariance = *target->known().covariance;
  // Whitening leaves the standard normal, with the same normaliser.
  const AffineDensity white(*target, AffineMap(mean, at::linalg_cholesky(covariance)));
  const Gaussian standard("standard", at::zeros({2}, at::kDouble), at::ones({2}, at::kDouble));
  const Tensor z = 3 * normal({20, 2}, 5), v = normal({20, 2}, 6);
  expect_close(white.log_density(z), standard.log_density(z), kTight, "white log density");
  expect_close(white.log_density_and_score(z).score, -z, kTight, "white score");
  expect_close(white.hessian_vector_product(z, v), -v, kTight, "white Hessian product");
  // Any other map leaves N(L⁻¹ (μ - m), L⁻¹ Σ L⁻ᵀ).
  const Tensor m = normal({2}, 1), inverse = some_scale(2, 2).tril().inverse();
  const AffineDensity other(*target, AffineMap(m, some_scale(2, 2)));
  const Gaussian seen("seen", at::matmul(inverse, mean - m),
                      at::matmul(at::matmul(inverse, covariance), inverse.t()));
  expect_close(other.log_density(z), seen.log_density(z), kTight, "log density");
  expect_close(other.log_density_and_score(z).score, seen.log_density_and_score(z).score, kTight,
               "score");
}

TEST(DensityAffine, GradientsOfValueAndScoreReachLocationAndScale) {
  const Curved base;
  const Tensor location = normal({3}, 1), scale = some_scale(3, 2).tril();
  const Tensor z = normal({4, 3}, 3), weight = normal({4, 3}, 4);
  const auto value = [&](const Tensor& m, const Tensor& l) {
    const AffineDensity density(base, AffineMap(m, l));
    const auto both = density.log_density_and_score(z);
    return both.log_density.sum() + (both.score * weight).sum();
  };
  const Tensor m = location.clone().requires_grad_(), l = scale.clone().requires_grad_();
  const auto gradients = torch::autograd::grad({value(m, l)}, {m, l});
  const Tensor along_m = normal({3}, 7), along_l = normal({3, 3}, 8).tril();
  const double h = 1e-5;
  const double difference = (value(location + h * along_m, scale + h * along_l) -
                             value(location - h * along_m, scale - h * along_l))
                                .item<double>() /
                            (2 * h);
  const double gradient =
      ((gradients[0] * along_m).sum() + (gradients[1] * along_l).sum()).item<double>();
  EXPECT_NEAR(gradient, difference, 1e-7 * std::abs(difference));
}

}  // namespace
}  // namespace ergon::testing
