#include "ergon/density/student_t.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "support/compare.hpp"

namespace ergon::testing {
namespace {

AffineMap tilted() {
  return AffineMap(at::tensor({1.0, -2.0}, at::kDouble),
                   at::tensor({1.5, 0.0, 0.7, 0.5}, at::kDouble).view({2, 2}));
}

TEST(DensityStudentT, InOneDimensionIsTheTextbooksDensity) {
  const StudentT t(AffineMap(at::zeros({1}, at::kDouble), at::ones({1, 1}, at::kDouble)), 3);
  // 6√3 / (π (3 + x²)²)
  const Tensor x = at::tensor({0.0, 1.0, -4.0}, at::kDouble).view({3, 1});
  const Tensor expected = (6 * std::sqrt(3.0) / M_PI / (3 + x.square().squeeze(-1)).square()).log();
  expect_close(t.log_prob(x), expected, 1e-13, "log p");
}

TEST(DensityStudentT, IntegratesToOneInThePlane) {
  // A bounded change of variables, x = tan u, covers the whole plane.
  const StudentT t(tilted(), 4);
  const int n = 1200;
  const Tensor u = (at::arange(n, at::kDouble) + 0.5) / n * M_PI - M_PI / 2;
  const Tensor jacobian = 1 + u.tan().square();
  const auto grid = at::meshgrid({u.tan(), u.tan()}, "ij");
  const Tensor points = at::stack({grid[0].flatten(), grid[1].flatten()}, -1);
  const Tensor volume = (jacobian.unsqueeze(1) * jacobian.unsqueeze(0)).flatten();
  const double sum = (t.log_prob(points).exp() * volume).sum().item<double>();
  EXPECT_NEAR(sum * std::pow(M_PI / n, 2), 1.0, 1e-4);
}

TEST(DensityStudentT, DrawsFollowItsDensity) {
  const StudentT t(tilted(), 9);
  const std::int64_t count = 40000;
  const Draws draws = t.sample_with_log_prob(count, Seed(1).generator());
  expect_close(draws.log_q, t.log_prob(draws.particles), 1e-12, "log q");
  // Covariance L Lᵀ ν/(ν-2); fourth moments exist: 4 standard errors, false alarm 4e-4.
  const Tensor lower = tilted().scale();
  const Tensor expected = at::mm(lower, lower.t()) * 9.0 / 7.0;
  const Tensor centred = draws.particles - tilted().location();
  const Tensor products = centred.unsqueeze(2) * centred.unsqueeze(1);
  const Tensor z = (products.mean(0) - expected) / (products.std(0) / std::sqrt(count));
  EXPECT_LT(z.abs().max().item<double>(), 4.0) << z;
  const Tensor mean = centred.mean(0) / (centred.std(0) / std::sqrt(count));
  EXPECT_LT(mean.abs().max().item<double>(), 4.0) << mean;
}

TEST(DensityStudentT, NeedsPositiveDegreesOfFreedom) {
  EXPECT_THROW(StudentT(tilted(), 0), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
