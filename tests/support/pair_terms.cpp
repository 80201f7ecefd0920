#include "support/pair_terms.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ergon/stein/jacobian.hpp"
#include "ergon/stein/velocity.hpp"

namespace ergon::testing {

PairDefinition pair_terms(const PairCase& pairs) {
  constexpr double kSmallest = 1e-33;
  const auto dim = static_cast<double>(pairs.points.size(-1));
  const Tensor beta = pairs.beta.view({-1, 1, 1}), scale = pairs.scale.view({-1, 1, 1});
  const Tensor squared =
      (pairs.points.unsqueeze(2) - pairs.points.unsqueeze(1)).pow(2).sum(-1);  // (S, M, M)
  Tensor taking_part = 1 - at::eye(pairs.points.size(1), pairs.points.options()).unsqueeze(0);
  Tensor rows = at::ones_like(pairs.points.select(-1, 0)).unsqueeze(-1);
  if (pairs.alive.defined()) {
    rows = pairs.alive.unsqueeze(-1).to(at::kDouble);
    taking_part = taking_part * rows * rows.transpose(-1, -2);
  }
  const Tensor kappa =
      (-0.5 * beta * squared).exp() * (1 + beta * squared / 32).clamp_max(1e3) + kSmallest;
  const Tensor kernel = scale * taking_part * kappa;
  const Tensor d = squared.sqrt() + beta.rsqrt();
  const Tensor score = pairs.score.norm(2, -1, true);  // (S, M, 1)
  const Tensor pull = score.transpose(-1, -2) + beta * d;
  PairDefinition sums;
  const Tensor wide = at::ones_like(pairs.points);
  sums.velocity = wide * (scale * score + (kernel * pull).sum(-1, true));
  sums.kernel = kernel.sum(-1);
  sums.trace = (kernel * beta * (dim + pull * d)).sum(-1);
  const Tensor size = pairs.vectors.norm(2, -1, true);  // (P, S, M, 1)
  sums.products = size * wide * (kernel * beta * (1 + pull * d)).sum(-1, true);
  sums.transposed = sums.products;
  return sums;
}

void expect_within_terms(const Tensor& actual,
                         const Tensor& expected,
                         const Tensor& terms,
                         double relative,
                         const std::string& name) {
  const bool single = actual.scalar_type() == at::kFloat;
  const double most = single ? 1e37 : 1e300;
  ASSERT_EQ(actual.sizes(), expected.sizes()) << name;
  const Tensor got = actual.to(at::kDouble);
  const Tensor held = terms < most;
  EXPECT_FALSE(at::logical_and(held, got.isnan()).any().item<bool>()) << name << ": NaN";
  const Tensor error = at::where(held, (got - expected).abs() / terms, at::zeros_like(terms));
  if (error.numel() == 0) return;
  EXPECT_LE(error.max().item<double>(), relative) << name;
}

void expect_sums_within_terms(const stein::Support& particles,
                              const Tensor& vectors,
                              double relative,
                              const std::string& name) {
  const auto& points = particles.points;
  PairCase pairs;
  const std::int64_t count = points.size(-2), dim = points.size(-1);
  pairs.points = points.to(at::kDouble).reshape({-1, count, dim});
  pairs.score = particles.score.to(at::kDouble).reshape({-1, count, dim});
  pairs.beta = particles.bandwidth.pow(-2).to(at::kDouble).reshape({-1});
  pairs.vectors = vectors.to(at::kDouble).reshape({-1, pairs.points.size(0), count, dim});
  pairs.scale = at::full_like(pairs.beta, 1.0 / static_cast<double>(count));
  const PairDefinition expected = pair_definition(pairs), terms = pair_terms(pairs);
  const auto both = stein::velocity_and_trace(particles);
  const double n = static_cast<double>(count);
  const auto shaped = [](const Tensor& t, const Tensor& like) { return t.reshape(like.sizes()); };
  expect_within_terms(both.velocity, shaped(expected.velocity, points),
                      shaped(terms.velocity, points), relative, name + " velocity");
  const Tensor& trace = both.drift_trace_sum;
  expect_within_terms(trace, n * shaped(expected.trace, trace), n * shaped(terms.trace, trace),
                      relative, name + " trace");
  const Tensor kernel = stein::kernel_sums(particles);
  expect_within_terms(kernel, 1 + n * shaped(expected.kernel, kernel),
                      1 + n * shaped(terms.kernel, kernel), relative, name + " kernel");
  expect_within_terms(stein::jacobian_vector_product(particles, vectors),
                      shaped(expected.products, vectors), shaped(terms.products, vectors), relative,
                      name + " A v");
  expect_within_terms(stein::transposed_jacobian_vector_product(particles, vectors),
                      shaped(expected.transposed, vectors), shaped(terms.transposed, vectors),
                      relative, name + " A' v");
}

}  // namespace ergon::testing
