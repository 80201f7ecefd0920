#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/estimate/optimal_transport.hpp"

namespace ergon::testing {
namespace {

Tensor normal(std::vector<std::int64_t> shape, const Seed& seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), seed.generator());
}

SinkhornOptions with_epsilon(double epsilon, double tolerance = 1e-9) {
  SinkhornOptions options;
  options.epsilon = epsilon;
  options.marginal_tolerance = tolerance;
  return options;
}

// OT_ε between two points at distance L and themselves: the plan puts p on each point's own copy,
// p / (½ - p) = exp(L²/ε).
double two_points(double length, double epsilon) {
  const double cost = length * length;
  const double p = 0.5 / (1 + std::exp(-cost / epsilon)), q = 0.5 - p;
  return 2 * q * cost + epsilon * (2 * p * std::log(4 * p) + (q > 0 ? 2 * q * std::log(4 * q) : 0));
}

TEST(EstimateSinkhorn, OfTwoPointsWithThemselvesIsTheClosedForm) {
  const Tensor points = at::tensor({0.0, 1.5}, at::kDouble).unsqueeze(1);
  for (const double epsilon : {0.1, 1.0, 5.0}) {
    const auto found = sinkhorn_divergence(points, points.clone(), with_epsilon(epsilon));
    EXPECT_NEAR(found.transport, two_points(1.5, epsilon), 1e-8) << epsilon;
    EXPECT_NEAR(found.value, 0.0, 1e-8) << epsilon;
  }
}

TEST(EstimateSinkhorn, AShiftOfAllPointsCostsTheSquaredShiftWhateverEpsilonIs) {
  const Tensor a = normal({60, 3}, Seed(1));
  const Tensor shift = at::tensor({1.0, -2.0, 0.5}, at::kDouble);
  // the error of the value goes with the square of that of the marginals
  for (const double epsilon : {0.3, 3.0, 30.0})
    EXPECT_NEAR(sinkhorn_divergence(a, a + shift, with_epsilon(epsilon, 1e-4)).value, 5.25, 1e-6)
        << epsilon;
}

TEST(EstimateSinkhorn, ApproachesTheExactDistanceForSmallEpsilon) {
  const Tensor a = normal({40, 2}, Seed(2).child("a")), b = 1 + normal({40, 2}, Seed(2).child("b"));
  const double exact = wasserstein_2(a, b).squared;
  const double far = std::abs(sinkhorn_divergence(a, b, with_epsilon(1.0)).value - exact);
  const auto near = sinkhorn_divergence(a, b, with_epsilon(5e-3, 1e-4));
  EXPECT_GT(far, 0.02);
  // the entropy of a plan of 40 points is between 0 and log 40 in units of ε
  EXPECT_NEAR(near.value, exact, 5e-3 * std::log(40.0));
  EXPECT_LE(near.marginal_error, 1e-4);
}

TEST(EstimateSinkhorn, ApproachesTheDistanceOfMeansForLargeEpsilon) {
  const Tensor a = normal({50, 2}, Seed(3).child("a")), b = 1 + normal({30, 2}, Seed(3).child("b"));
  const double of_means = (a.mean(0) - b.mean(0)).square().sum().item<double>();
  EXPECT_NEAR(sinkhorn_divergence(a, b, with_epsilon(1e5)).value, of_means, 1e-3);
}

// OT_ε of N(0, a) and N(0, b) but for a constant (Janati, Muzellec, Peyré and Cuturi 2020, theorem
// 1, with 2 σ² = ε).
double between_gaussians(double a, double b, double epsilon) {
  const double half = epsilon / 2;
  const double d = std::sqrt(4 * a * b + half * half);
  return a + b - d + half * std::log(d + half);
}

TEST(EstimateSinkhorn, OfGaussianQuantilesIsTheClosedFormOfTheLaws) {
  Tensor z = at::special_ndtri((at::arange(300, at::kDouble) + 0.5) / 300).unsqueeze(1);
  z = z / z.square().mean().sqrt();
  for (const double epsilon : {2.0, 8.0}) {
    const double exact = between_gaussians(1, 9, epsilon) -
                         (between_gaussians(1, 1, epsilon) + between_gaussians(9, 9, epsilon)) / 2;
    // 300 points with the variance of the law lack some of its tails
    EXPECT_NEAR(sinkhorn_divergence(z, 3 * z, with_epsilon(epsilon, 1e-6)).value / exact, 1.0,
                0.002)
        << epsilon;
  }
}

TEST(EstimateSinkhorn, IsSymmetricAndGrowsWithTheSquareOfTheScale) {
  const Tensor a = normal({50, 2}, Seed(4).child("a")), b = 2 * normal({40, 2}, Seed(4).child("b"));
  const double there = sinkhorn_divergence(a, b, with_epsilon(0.5)).value;
  EXPECT_NEAR(sinkhorn_divergence(b, a, with_epsilon(0.5)).value, there, 1e-7);
  EXPECT_NEAR(sinkhorn_divergence(3 * a, 3 * b, with_epsilon(4.5)).value, 9 * there, 1e-6);
}

TEST(EstimateSinkhorn, SaysWhenItHasNotConverged) {
  const Tensor a = normal({40, 2}, Seed(5).child("a")), b = 5 + normal({40, 2}, Seed(5).child("b"));
  SinkhornOptions options = with_epsilon(1e-4);
  options.max_iterations = 30;
  EXPECT_THROW(sinkhorn_divergence(a, b, options), NumericalFailure);
}

TEST(EstimateSinkhorn, CallsBackAndEndsWhenThatThrows) {
  const Tensor a = normal({20, 2}, Seed(6).child("a")), b = normal({20, 2}, Seed(6).child("b"));
  double last = -1;
  sinkhorn_divergence(a, b, with_epsilon(1.0), [&](double done) {
    EXPECT_GE(done, last);
    last = done;
  });
  EXPECT_EQ(last, 1.0);
  const auto stop = [](double) { throw std::runtime_error("enough"); };
  EXPECT_THROW(sinkhorn_divergence(a, b, with_epsilon(1.0), stop), std::runtime_error);
}

TEST(EstimateSinkhorn, RefusesWhatItCannotTake) {
  const Tensor a = normal({5, 2}, Seed(8));
  EXPECT_THROW(sinkhorn_divergence(a, a, {}), InvalidInput);
  EXPECT_THROW(sinkhorn_divergence(a, a, with_epsilon(-1)), InvalidInput);
  EXPECT_THROW(sinkhorn_divergence(a, a, with_epsilon(1, 0)), InvalidInput);
  SinkhornOptions none = with_epsilon(1);
  none.max_iterations = 0;
  EXPECT_THROW(sinkhorn_divergence(a, a, none), InvalidInput);
  EXPECT_THROW(sinkhorn_divergence(a, normal({5, 3}, Seed(8)), with_epsilon(1)), InvalidInput);
  EXPECT_THROW(sinkhorn_divergence(a, {}, with_epsilon(1)), InvalidInput);
  EXPECT_THROW(sinkhorn_divergence(a, a / 0.0, with_epsilon(1)), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
