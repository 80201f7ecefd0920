// The certificate of the Stein step with a fixed support: the Lipschitz bound, and what follows
// from it.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <string>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/stein/fixed_support.hpp"
#include "support/compare.hpp"
#include "support/fixed_support_oracle.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using stein::Support;

double largest(const Tensor& x) { return x.max().item<double>(); }

// Starting points of the search: near support points at a few tenths to a few bandwidths, along the
// scores (where κ's slope does its worst) and in random directions.
Tensor starts(const Support& s, std::uint64_t seed) {
  Generator generator = Seed(seed).child("starts").generator();
  const Tensor sigma = s.bandwidth;
  const Tensor along = s.score / (s.score.norm(2, -1, true) + 1e-300);
  std::vector<Tensor> all = {s.points, s.points + sigma * along, s.points - sigma * along};
  for (const double scale : {0.3, 1.0, 2.0})
    all.push_back(s.points + scale * sigma * draw::normal_like(s.points, generator));
  return at::cat(all, -2);
}

// The largest singular value of ∇φ found by ascent along uᵀ (∂∇φ) v from the best starts.
double largest_singular_value(const Support& s, std::uint64_t seed) {
  const Tensor all = starts(s, seed);
  const Tensor at_start = at::linalg_svdvals(oracle_jacobian(s, all).detach()).select(-1, 0);
  const auto kept = std::min<std::int64_t>(8, all.size(0));
  Tensor x = all.index_select(0, std::get<1>(at_start.topk(kept)));
  double best = largest(at_start);
  for (int step = 0; step < 12; ++step) {
    x = x.detach().requires_grad_();
    const Tensor jacobian = stein::field_jacobian(s, x);
    const auto [u, values, vt] = at::linalg_svd(jacobian.detach(), false);
    best = std::max(best, largest(values.select(-1, 0)));
    const Tensor value =
        (u.select(-1, 0).unsqueeze(-1) * jacobian * vt.select(-2, 0).unsqueeze(-2));
    const Tensor gradient = torch::autograd::grad({value.sum()}, {x})[0];
    const Tensor direction = gradient / (gradient.norm(2, -1, true) + 1e-300);
    x = x + direction * (s.bandwidth * 0.3 * std::pow(0.75, step));
  }
  return best;
}

// Supports of every kind: few and many points, near and far, coincident, narrow and wide kernels,
// scores from none to huge.
Support varied_support(std::uint64_t seed) {
  const std::int64_t dims[] = {1, 2, 3, 5, 9, 16};
  const std::int64_t counts[] = {1, 2, 5, 20, 60};
  const double scores[] = {0.0, 0.01, 1.0, 30.0, 1e6};
  const double sigmas[] = {0.05, 0.5, 2.0, 20.0};
  const double spreads[] = {0.0, 0.3, 1.0, 40.0};
  Support s = random_support(0, counts[seed % 5], dims[seed % 6], seed);
  s.score = s.score * scores[(seed / 5) % 5];
  s.bandwidth = at::full({}, sigmas[(seed / 25) % 4], at::kDouble);
  s.points = (s.points - 2.0) * spreads[(seed / 100 + seed) % 4] + 1.0;
  return s;
}

TEST(SteinFixedSupportBound, IsNeverExceededByTheLargestSingularValueASearchFinds) {
  double tightest = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Support support = varied_support(seed);
    const double bound = stein::lipschitz_bound(support).item<double>();
    const double found = largest_singular_value(support, seed);
    ASSERT_LE(found, bound * (1 + 1e-12)) << "seed " << seed;
    tightest = std::max(tightest, found / bound);
  }
  EXPECT_GT(tightest, 0.9) << "the search is too weak to show anything";
}

TEST(SteinFixedSupportBound, IsAttainedByOnePointWithoutScoreAndNearlyByOneWithAHugeScore) {
  Support support = random_support(0, 1, 3, 1);
  support.bandwidth = at::full({}, 0.7, at::kDouble);
  support.score = at::zeros_like(support.points);
  const double bound = stein::lipschitz_bound(support).item<double>();
  const auto at_point = at::linalg_svdvals(stein::field_jacobian(support, support.points));
  EXPECT_NEAR(largest(at_point) / bound, 1, 1e-12);
  support.score = 1e4 * at::ones_like(support.points);
  EXPECT_GT(largest_singular_value(support, 2) / stein::lipschitz_bound(support).item<double>(),
            0.999);
}

TEST(SteinFixedSupportBound, CountsLivePointsOnlyAndIsDifferentiable) {
  Support support = random_support(0, 4, 3, 3);
  Support rest = support;
  rest.points = support.points.narrow(0, 1, 3);
  rest.score = support.score.narrow(0, 1, 3);
  support.alive = at::ones({4}, at::kBool);
  support.alive[0] = false;
  support.score[0].fill_(1e9);
  expect_close(stein::lipschitz_bound(support), stein::lipschitz_bound(rest), tolerance<double>(),
               "live points");
  rest.bandwidth = rest.bandwidth.detach().clone().requires_grad_();
  const Tensor slope = torch::autograd::grad({stein::lipschitz_bound(rest)}, {rest.bandwidth})[0];
  const Tensor sigma = rest.bandwidth.detach();
  const Tensor expected =
      -rest.score.norm(2, -1).mean() * std::exp(-0.5) / sigma.pow(2) - 2 * sigma.pow(-3);
  expect_close(slope, expected, tolerance<double>(), "derivative in the bandwidth");
}

TEST(SteinFixedSupportBound, KeepsEveryDeterminantPositiveAlmostUpToTheBound) {
  for (std::uint64_t seed = 0; seed < 300; seed += 3) {
    const Support support = varied_support(seed);
    const Tensor x = starts(support, seed), step = certified_step(support, 0.99);
    const Tensor matrix =
        at::eye(x.size(-1), x.options()) + step * oracle_jacobian(support, x).detach();
    const auto [sign, log_det] = at::linalg_slogdet(matrix);
    EXPECT_TRUE((sign > 0).all().item<bool>()) << "seed " << seed;
    for (const auto how : {stein::Determinant::kDense, stein::Determinant::kLowRank}) {
      const auto pushed = stein::push_forward(support, step, x, how);
      const double error = largest((pushed.log_det - log_det).abs());
      // Elimination without pivots loses at most a factor 1/(1-α) in the determinant's digits.
      EXPECT_LE(error, 100 * tolerance<double>()) << "seed " << seed;
    }
  }
}

TEST(SteinInvert, UndoesTheStepNearAndFarFromTheSupport) {
  const at::NoGradGuard no_grad;
  for (const std::int64_t dim : {1, 2, 5, 40}) {
    for (const double share : {0.5, 0.9, 0.99}) {
      const Support support = random_support(0, 30, dim, 4);
      const Tensor step = certified_step(support, share);
      for (const double scale : {1.5, 5.0, 1e3, 1e6}) {
        const Tensor x = points_near(support, scale == 1.5 ? 10000 : 500, scale, 5);
        const auto pushed = stein::push_forward(support, step, x);
        const auto found = stein::invert(support, step, pushed.points);
        const std::string name = fmt::format("D {} α {} scale {}", dim, share, scale);
        expect_close(found.points, x, tolerance<double>(), name);
        expect_close(found.log_det, pushed.log_det + 0, 10 * tolerance<double>(),
                     name + " log det");
        EXPECT_LE(largest(found.residual), 1e-13) << name;
      }
    }
  }
}

TEST(SteinInvert, BatchesWithDroppedPointsGoBackToo) {
  Support support = random_support(3, 9, 4, 6);
  support.alive = at::ones({3, 9}, at::kBool);
  support.alive[1].narrow(0, 2, 5).fill_(false);
  const Tensor x = points_near(support, 50, 2.0, 7), step = certified_step(support, 0.9);
  const auto found = stein::invert(support, step, stein::push_forward_points(support, step, x));
  expect_close(found.points, x, tolerance<double>(), "points");
}

TEST(SteinInvert, ErrorStaysBelowItsCertificateAtLooseTolerances) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Support support = varied_support(seed);
    const double rate = 0.95;
    const Tensor x = starts(support, seed), step = certified_step(support, rate);
    const Tensor y = stein::push_forward_points(support, step, x);
    const auto found = stein::invert(support, step, y, 1e-3);
    const Tensor error = (found.points - x).norm(2, -1);
    const Tensor scale = 1 + y.norm(2, -1);
    EXPECT_TRUE((error <= (found.residual / (1 - rate) + 1e-12) * scale).all().item<bool>())
        << "seed " << seed;
    EXPECT_LE(largest(found.residual), 1e-3);
  }
}

TEST(SteinInvert, HandlesHarshSupportsInBothPrecisionsWithoutNonFiniteNumbers) {
  for (std::uint64_t seed = 0; seed < 300; seed += 7) {
    Support support = varied_support(seed);
    const Tensor x = starts(support, seed), step = certified_step(support, 0.9);
    const Tensor y = stein::push_forward_points(support, step, x);
    const auto found = stein::invert(support, step, y);
    expect_close(found.points, x, tolerance<double>(), fmt::format("seed {}", seed));
    const Support single{support.points.to(at::kFloat),
                         support.score.to(at::kFloat),
                         support.bandwidth.to(at::kFloat),
                         {}};
    const auto rough = stein::invert(single, step.to(at::kFloat), y.to(at::kFloat), 1e-5);
    EXPECT_TRUE(rough.points.isfinite().all().item<bool>()) << "seed " << seed;
    EXPECT_LE(largest((rough.points - x).norm(2, -1) / (1 + y.norm(2, -1))), 1e-3)
        << "seed " << seed;
  }
}

TEST(SteinInvert, NeedsFewIterationsWhereNewtonsStepIsTaken) {
  const Support support = random_support(0, 30, 3, 8);
  const Tensor x = points_near(support, 200, 1.5, 9), step = certified_step(support, 0.95);
  const auto found = stein::invert(support, step, stein::push_forward_points(support, step, x));
  EXPECT_LE(found.iterations, 8);  // the fixed-point iteration alone: log(1e-13)/log(0.95) = 580
}

// Few points of many sets are solved together, with and without Newton's step (D above 64), each
// set at its own rate.
TEST(SteinFixedSupport, ManySmallSetsGoBackTogether) {
  for (const std::int64_t dim : {1, 3, 70}) {
    const Support s = random_support(6, 12, dim, 40);
    const Tensor share = at::tensor({0.0, 0.2, 0.5, 0.8, 0.95, 0.99}, at::kDouble);
    const Tensor step = share / stein::lipschitz_bound(s);
    const Tensor x = points_near(s, 9, 3.0, 41);
    const auto pushed = stein::push_forward(s, step, x);
    const auto found = stein::invert(s, step, pushed.points);
    EXPECT_LT((found.points - x).abs().max().item<double>(), 1e-10) << dim;
    expect_close(found.log_det, pushed.log_det, 1e-9, "log-determinant");
    for (std::int64_t set = 0; set < 6; ++set) {
      const Support one{s.points[set], s.score[set], s.bandwidth[set], {}};
      const auto alone = stein::invert(one, step[set], pushed.points[set]);
      EXPECT_LT((alone.points - found.points[set]).abs().max().item<double>(), 1e-10) << dim;
    }
  }
}

TEST(SteinFixedSupport, AStepAtTheBoundIsPushedButNotInverted) {
  const Support s = random_support(0, 5, 2, 42);
  const Tensor x = points_near(s, 3, 1.0, 43);
  const Tensor step = certified_step(s, 1.0);
  EXPECT_NO_THROW(stein::push_forward(s, step, x));
  EXPECT_THROW(stein::invert(s, step, x), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
