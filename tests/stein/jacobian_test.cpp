#include "ergon/stein/jacobian.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/stein/step_bound.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/golden_step.hpp"
#include "support/random_step.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

const double kTight = tolerance<double>();

TEST(SteinJacobian, MatchesBruteForceGolden) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    const Tensor jacobian = stein::velocity_jacobian(step.support(), step.at("bf_H"));
    if (step.has("bf_J")) expect_close(jacobian, step.at("bf_J"), kTight, step.name + " J");
    expect_close(jacobian.diagonal(0, -2, -1).sum(-1), step.at("bf_trJ"), kTight,
                 step.name + " trace");
    expect_close(stein::frobenius_squared_of(jacobian).sqrt(), step.at("bf_fro"), kTight,
                 step.name + " Frobenius");
    expect_close(stein::spectral_norm(jacobian), step.at("bf_spec"), kTight,
                 step.name + " spectral");
  }
}

TEST(SteinJacobian, BlockLogDeterminantsMatchBruteForceGolden) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    const Tensor jacobian = stein::velocity_jacobian(step.support(), step.at("bf_H"));
    for (std::int64_t k = 0; k < step.at("bf_eps").size(0); ++k) {
      const auto det = stein::block_log_determinant(jacobian, step.at("bf_eps")[k]);
      expect_close(det.log_abs_det, step.at("bf_logdet").select(1, k), kTight,
                   step.name + " log det");
      EXPECT_TRUE(det.positive.equal(step.at("bf_sign").select(1, k) > 0))
          << step.name << " sign " << k;
    }
  }
}

TEST(SteinJacobian, PublishedFrobeniusReproducesTheReferenceGivenItsProbe) {
  ERGON_SKIP_WITHOUT_SHARED("golden/stein_step");
  for (const auto& step : golden_steps()) {
    const auto support = step.support();
    const Tensor drift = stein::velocity_jacobian(support);
    expect_close(stein::frobenius_squared_of(drift), step.at("ref_tr_ata"), kTight,
                 step.name + " tr AtA");
    const auto norm = stein::frobenius_squared_published(support, step.at("v"), step.at("Hv"));
    expect_close(norm.drift, step.at("ref_tr_ata"), kTight, step.name + " drift");
    expect_close(norm.squared, step.at("ref_trJtJ"), kTight, step.name + " tr JtJ");
  }
}

TEST(SteinJacobian, IsTheDerivativeOfOneParticlesVelocityWithTheOthersHeldFixed) {
  const auto step = random_step(0, 6, 3, 4);
  const Tensor precision = at::matmul(step.hessian[0], step.hessian[0]) + at::eye(3, at::kDouble);
  const Tensor score = -at::matmul(step.particles, precision);  // of a Gaussian
  const Tensor found = stein::velocity_jacobian({step.particles, score, step.bandwidth, {}},
                                                (-precision).expand({6, 3, 3}));
  for (std::int64_t i = 0; i < 6; ++i) {
    const Tensor own = step.particles[i].clone().requires_grad_();
    std::vector<Tensor> all = step.particles.unbind(0);
    all[i] = own;
    const Tensor x = at::stack(all);
    const Tensor velocity = stein::velocity({x, -at::matmul(x, precision), step.bandwidth, {}})[i];
    std::vector<Tensor> rows;
    for (std::int64_t a = 0; a < 3; ++a)
      rows.push_back(torch::autograd::grad({velocity[a]}, {own}, {}, true)[0]);
    expect_close(found[i], at::stack(rows), kTight, "particle " + std::to_string(i));
  }
}

TEST(SteinJacobian, NormsOfAJacobianThatIsNotFiniteDoNotStopTheOthers) {
  Tensor jacobian = at::eye(2, at::kDouble).repeat({3, 1, 1});
  jacobian[1][0][0] = NAN;
  const Tensor norm = stein::spectral_norm(jacobian);
  EXPECT_EQ(norm[0].item<double>(), 1.0);
  EXPECT_TRUE(std::isinf(norm[1].item<double>()));
  EXPECT_DOUBLE_EQ(stein::norm_bound(norm, 0.5).item<double>(), 0.5);
  EXPECT_DOUBLE_EQ(
      stein::norm_bound(stein::frobenius_squared_of(jacobian).sqrt(), 0.5).item<double>(),
      0.5 / std::sqrt(2.0));
}

TEST(SteinJacobian, ProductsAgreeWithTheExplicitMatrixForBatchesOfSets) {
  const auto step = random_step(2, 7, 3, 5);
  const auto support = step.support();
  const Tensor jacobian = stein::velocity_jacobian(support, step.hessian);
  const Tensor v = draw::normal_like(step.particles, Seed(6).generator());
  const Tensor hv = at::matmul(step.hessian, v.unsqueeze(-1)).squeeze(-1);
  expect_close(stein::jacobian_vector_product(support, v, hv),
               at::matmul(jacobian, v.unsqueeze(-1)).squeeze(-1), kTight, "A v");
  expect_close(stein::transposed_jacobian_vector_product(support, v, hv),
               at::matmul(jacobian.transpose(-1, -2), v.unsqueeze(-1)).squeeze(-1), kTight, "A' v");
  const Tensor drift = stein::velocity_jacobian(support);
  expect_close(stein::jacobian_vector_product(support, v),
               at::matmul(drift, v.unsqueeze(-1)).squeeze(-1), kTight, "A v without Hessian");
}

TEST(SteinJacobian, HutchinsonFrobeniusConvergesToTheExactNorm) {
  const auto step = random_step(0, 6, 5, 7);
  const auto support = step.support();
  const Tensor drift = stein::velocity_jacobian(support);
  constexpr std::int64_t kProbes = 20000;
  const Tensor v =
      draw::rademacher_like(at::empty({kProbes, 6, 5}, at::kDouble), Seed(8).generator());
  const Tensor squared = stein::jacobian_vector_product(support, v).pow(2).sum(-1);
  const Tensor error = squared.std(0) / std::sqrt(static_cast<double>(kProbes));
  const Tensor z = (squared.mean(0) - stein::frobenius_squared_of(drift)) / error;
  EXPECT_LT(z.abs().max().item<double>(), 4.5) << z;  // six particles; false alarm below 1e-4
}

TEST(SteinJacobian, DeterminantStaysPositiveUnderTheFrobeniusBoundInAThousandCases) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const auto dim = static_cast<std::int64_t>(1 + seed % 7);
    const auto count = static_cast<std::int64_t>(2 + seed % 13);
    const auto step = random_step(0, count, dim, 1000 + seed);
    const auto support = step.support();
    const Tensor jacobian = stein::velocity_jacobian(support, 3 * step.hessian);
    const Tensor bound = stein::norm_bound(stein::frobenius_squared_of(jacobian).sqrt(), 0.999);
    for (const double share : {1.0, 0.5, 0.1}) {
      const auto det = stein::block_log_determinant(jacobian, share * bound);
      ASSERT_TRUE(det.positive.all().item<bool>()) << "seed " << seed << " share " << share;
    }
  }
}

TEST(SteinJacobian, DeterminantsTurnNegativeBeyondTheBoundInManyCases) {
  int negative = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto step = random_step(0, 8, 3, 5000 + seed);
    const auto support = step.support();
    const Tensor jacobian = stein::velocity_jacobian(support, 3 * step.hessian);
    const Tensor bound = stein::norm_bound(stein::frobenius_squared_of(jacobian).sqrt(), 1.0);
    negative +=
        stein::block_log_determinant(jacobian, 5 * bound).positive.all().item<bool>() ? 0 : 1;
  }
  EXPECT_GT(negative, 100);
}

TEST(SteinJacobian, FirstOrderErrorFallsByFourWhenTheStepHalves) {
  const auto step = random_step(0, 10, 4, 9);
  const auto support = step.support();
  const Tensor jacobian = stein::velocity_jacobian(support, step.hessian);
  const Tensor trace = jacobian.diagonal(0, -2, -1).sum(-1);
  const double start =
      0.02 * stein::norm_bound(stein::frobenius_squared_of(jacobian).sqrt(), 1.0).item<double>();
  const auto error = [&](double epsilon) {
    const Tensor exact =
        stein::block_log_determinant(jacobian, at::scalar_tensor(epsilon, at::kDouble)).log_abs_det;
    return (epsilon * trace - exact).abs().mean().item<double>();
  };
  double coarse = error(start);
  for (int halving = 1; halving <= 4; ++halving) {
    const double fine = error(start / std::pow(2.0, halving));
    EXPECT_NEAR(coarse / fine, 4.0, 0.8) << "halving " << halving;
    coarse = fine;
  }
}

TEST(SteinJacobian, RefusesHessiansAndVectorsThatDoNotFit) {
  for (const std::int64_t sets : {1, 16}) {  // the second are taken side by side
    const auto step = random_step(sets, 7, 3, 21);
    const Tensor one = step.hessian[0];
    EXPECT_THROW(stein::frobenius_squared(step.support(), one), InvalidInput) << sets;
    EXPECT_THROW(stein::frobenius_squared(step.support(), step.hessian.to(at::kFloat)),
                 InvalidInput);
    EXPECT_THROW(stein::jacobian_vector_product(step.support(), {}), InvalidInput);
    EXPECT_THROW(stein::velocity_trace_and_products(step.support(), {}), InvalidInput);
  }
}

TEST(SteinJacobian, SecondDerivativesKeepPairsThatCoincideFarFromTheMean) {
  auto step = random_step(0, 8, 3, 22);
  step.particles[0] += 40;
  step.particles[1].copy_(step.particles[0]);
  const auto gradient = [&](const Tensor& x) {
    const Tensor phi = stein::velocity({x, step.score, at::ones({}, at::kDouble), {}});
    return torch::autograd::grad({(phi * step.score).sum()}, {x}, {}, true, true)[0];
  };
  const Tensor x = step.particles.clone().requires_grad_();
  const Tensor second = torch::autograd::grad({gradient(x)[0][0]}, {x})[0];
  const double width = 1e-5;
  Tensor up = step.particles.clone(), down = step.particles.clone();
  up[1][0] += width;
  down[1][0] -= width;
  const Tensor difference =
      (gradient(up.requires_grad_())[0][0] - gradient(down.requires_grad_())[0][0]) / (2 * width);
  EXPECT_NEAR(second[1][0].item<double>(), difference.item<double>(), 1e-6);
  EXPECT_GT(std::abs(difference.item<double>()), 1e-3);
}

TEST(SteinJacobian, GradientsWithAGraphCountAScoreThatComesFromThePointsOnce) {
  const auto step = random_step(2, 7, 3, 23);
  const auto gradient = [&](bool again) {
    const Tensor x = step.particles.clone().requires_grad_();
    const auto both = stein::velocity_and_trace({x, -x * x.exp(), step.bandwidth, {}});
    const Tensor number = (both.velocity * step.score).sum() + both.drift_trace_sum.pow(2).sum();
    return torch::autograd::grad({number}, {x}, {}, true, again)[0].detach();
  };
  expect_close(gradient(true), gradient(false), 1e-10, "with create_graph");
}

}  // namespace
}  // namespace ergon::testing
