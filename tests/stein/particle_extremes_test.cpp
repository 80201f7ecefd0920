// The operators where float32 is hardest: against float64 sums of the same float32 numbers, within
// the type's tolerance of each row's absolute terms.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/stein/jacobian.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/compare.hpp"
#include "support/pair_terms.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using stein::Support;

const double kSingle = tolerance<float>();

Tensor normal(at::IntArrayRef shape, const char* purpose, std::uint64_t index) {
  return draw::normal_like(at::empty(shape, at::kDouble),
                           Seed(411).child(purpose, index).generator());
}

// Ordinary particles in float64, bandwidth √D times `sigma`.
Support ordinary(std::int64_t count, std::int64_t dim, double sigma = 1) {
  const auto index = static_cast<std::uint64_t>(1000 * count + dim);
  return {normal({count, dim}, "points", index),
          normal({count, dim}, "score", index),
          at::scalar_tensor(sigma * std::sqrt(static_cast<double>(dim)), at::kDouble),
          {}};
}

void expect_accurate(const Support& exact, const std::string& name) {
  const Support particles{
      exact.points.to(at::kFloat), exact.score.to(at::kFloat), exact.bandwidth.to(at::kFloat), {}};
  auto shape = exact.points.sizes().vec();
  shape.insert(shape.begin(), 2);
  const Tensor vectors = normal(shape, "vectors", 0).to(at::kFloat);
  expect_sums_within_terms(particles, vectors, kSingle,
                           name + " D=" + std::to_string(exact.points.size(-1)) +
                               " M=" + std::to_string(exact.points.size(-2)));
}

// For sizes on both sides of the tiles, blocks and ways of the pass.
void for_sizes(const std::function<void(std::int64_t, std::int64_t)>& body) {
  for (const std::int64_t count : {5, 17, 70, 130}) {
    for (const std::int64_t dim : {1, 2, 4, 5, 17, 70}) body(count, dim);
  }
}

// 0, 1, 2, 0, 1, ... as (M, 1).
Tensor thirds(std::int64_t count) {
  return at::arange(count, at::kLong).remainder(3).to(at::kDouble).unsqueeze(-1);
}

TEST(SteinParticleExtremes, ClustersFarApartKeepTheirInsides) {
  for (const double distance : {10.0, 1e4, 1e6, 1e10}) {
    for_sizes([&](std::int64_t count, std::int64_t dim) {
      Support s = ordinary(count, dim);  // around 0, where float32 knows its insides
      s.points = s.points + distance * s.bandwidth * (thirds(count) - 1);
      expect_accurate(s, "distance " + std::to_string(distance));
    });
  }
}

TEST(SteinParticleExtremes, AnOutlierDoesNotBlurTheOthers) {
  for_sizes([](std::int64_t count, std::int64_t dim) {
    Support s = ordinary(count, dim);
    s.points[0] = 1e15;
    expect_accurate(s, "outlier");
  });
}

TEST(SteinParticleExtremes, CoincidentPointsAndPairsFarFromTheMean) {
  for_sizes([](std::int64_t count, std::int64_t dim) {
    Support s = ordinary(count, dim);
    const Tensor around = 1e-3 * s.points;
    s.points = at::full_like(s.points, 0.7);
    expect_accurate(s, "coincident");
    s.points = around + 8 * (thirds(count) - 1);  // 8 bandwidths from the mean
    expect_accurate(s, "pairs");
  });
}

TEST(SteinParticleExtremes, AnyScaleWithAnyBandwidth) {
  for (const double scale : {1e-6, 1.0, 1e6}) {
    for (const double sigma : {1e-6, 1.0, 1e6}) {
      for_sizes([&](std::int64_t count, std::int64_t dim) {
        Support s = ordinary(count, dim, sigma);
        s.points = scale * s.points;
        s.score = s.score / sigma;
        expect_accurate(s, "scale " + std::to_string(scale) + " sigma " + std::to_string(sigma));
      });
    }
  }
}

TEST(SteinParticleExtremes, HeavyTailsLinesShiftsAndLargeScores) {
  for_sizes([](std::int64_t count, std::int64_t dim) {
    const Support s = ordinary(count, dim);
    Support other = s;
    other.points = s.points / normal({count, 1}, "tails", 0);
    expect_accurate(other, "Cauchy");
    other.points = s.points.narrow(1, 0, 1) * at::arange(1, dim + 1, at::kDouble);
    expect_accurate(other, "line");
    other.points = s.points + 1e7;
    expect_accurate(other, "shifted");
    other.points = s.points + 30;
    expect_accurate(other, "off the origin");
    other.points = s.points;
    other.score = 1e20 * s.score;
    expect_accurate(other, "large scores");
  });
}

TEST(SteinParticleExtremes, FarPointsOnALineAndNarrowKernelsInManyDimensions) {
  for (const std::int64_t count : {16, 100}) {
    Support line = ordinary(count, 1);
    line.points = at::linspace(-15, 15, count, at::kDouble).unsqueeze(-1);
    expect_accurate(line, "15 bandwidths");
    Support narrow = ordinary(count, 64);
    narrow.bandwidth = at::ones({}, at::kDouble);
    expect_accurate(narrow, "sigma 1");
  }
}

// A random set whose points, scores and bandwidth have any exponent that is allowed.
Support any_exponents(std::uint64_t index, at::ScalarType type) {
  const Generator generator = Seed(412).child("exponents", index).generator();
  const auto uniform = [&](at::IntArrayRef shape, double low, double high) {
    return low + (high - low) * draw::uniform_like(at::empty(shape, at::kDouble), generator);
  };
  const bool single = type == at::kFloat;
  const double far = single ? 18 : 140, wide = single ? 9 : 70, high = single ? 30 : 140;
  const auto count = static_cast<std::int64_t>(2 + index % 37);
  const auto dim = static_cast<std::int64_t>(1 + index % 11);
  const double sigma = uniform({1}, -wide, wide).item<double>();
  const bool near = index % 2 == 0;
  const double spread = index % 3 == 0 ? 0 : 20;
  const double top = near ? std::min(sigma + uniform({1}, -3, 3).item<double>(), far)
                          : uniform({1}, -far, far).item<double>();
  const auto numbers = [&](double exponent) {
    const Tensor sizes =
        at::pow(10, exponent - spread * uniform({count, dim}, 0, 1)).to(at::kDouble);
    return (sizes * uniform({count, dim}, -1, 1)).to(type);
  };
  const Tensor points = numbers(top), score = numbers(uniform({1}, -high, high).item<double>());
  return {points, score, at::scalar_tensor(std::pow(10, sigma), type), {}};
}

TEST(SteinParticleExtremes, NoNumberThatIsAllowedGivesNaN) {
  for (std::uint64_t index = 0; index < 3000; ++index) {
    const auto type = index % 4 == 3 ? at::kDouble : at::kFloat;
    Support s = any_exponents(index, type);
    if (index % 5 == 0) {  // many small sets are computed side by side
      s.points = s.points.repeat({8, 1, 1});
      s.score = s.score.repeat({8, 1, 1});
      s.bandwidth = s.bandwidth.repeat({8});
    }
    const Tensor vectors = normal(s.points.sizes(), "vectors", index).to(type);
    for (Tensor* each : {&s.points, &s.score, &s.bandwidth}) each->requires_grad_(true);
    const auto all = stein::velocity_trace_and_products(s, vectors);
    const std::string name = "case " + std::to_string(index);
    EXPECT_FALSE(all.velocity.isnan().any().item<bool>()) << name << " velocity";
    EXPECT_FALSE(all.drift_trace_sum.isnan().any().item<bool>()) << name << " trace";
    EXPECT_FALSE(all.products.isnan().any().item<bool>()) << name << " products";
    const auto found =
        torch::autograd::grad({all.velocity.sum(), all.drift_trace_sum.sum()}, {s.points, s.score});
    EXPECT_TRUE(found[1].isfinite().all().item<bool>()) << name << " score's gradient";
    if (all.drift_trace_sum.abs().max().item<double>() < 1e10)
      EXPECT_FALSE(found[0].isnan().any().item<bool>()) << name << " points' gradient";
  }
}

TEST(SteinParticleExtremes, FactorsThatOverflowBetweenPointsThatDoNotSeeEachOtherDoNotCount) {
  for (const std::int64_t dim : {2, 6, 20}) {
    Support s = ordinary(40, dim);
    s.points = 1e-9 * s.points;
    s.points.narrow(0, 0, 3).copy_(at::linspace(-1e18, 1e18, 3, at::kDouble).unsqueeze(-1));
    s.bandwidth = at::full({}, 3e-9, at::kDouble);
    s = {s.points.to(at::kFloat), s.score.to(at::kFloat), s.bandwidth.to(at::kFloat), {}};
    const Tensor vectors = (1e5 * normal({40, dim}, "vectors", 7)).to(at::kFloat);
    expect_sums_within_terms(s, vectors, kSingle, "D=" + std::to_string(dim));
    EXPECT_TRUE(stein::jacobian_vector_product(s, vectors).isfinite().all().item<bool>());
    EXPECT_TRUE(
        stein::transposed_jacobian_vector_product(s, vectors).isfinite().all().item<bool>());
  }
}

TEST(SteinParticleExtremes, GradientsSurviveFarClustersOutliersAndShifts) {
  const auto expect_gradients = [](const Support& exact, const std::string& name) {
    const auto count = exact.points.size(0), dim = exact.points.size(1);
    const Support s{exact.points.to(at::kFloat).requires_grad_(true),
                    exact.score.to(at::kFloat).requires_grad_(true),
                    exact.bandwidth.to(at::kFloat),
                    {}};
    const Tensor weights = normal({count, dim}, "weights", 2);
    const auto both = stein::velocity_and_trace(s);
    const Tensor value =
        (both.velocity * weights.to(at::kFloat)).sum() + both.drift_trace_sum.sum();
    const auto found = torch::autograd::grad({value}, {s.points, s.score});
    const auto n = static_cast<double>(count);
    const PairCase pairs{s.points.detach().to(at::kDouble).unsqueeze(0),
                         s.score.detach().to(at::kDouble).unsqueeze(0),
                         s.bandwidth.pow(-2).to(at::kDouble).view({1}),
                         at::full({1}, 1 / n, at::kDouble),
                         {},
                         at::zeros({1, 1, count, dim}, at::kDouble)};
    const auto truth =
        pair_gradients(pairs, weights.unsqueeze(0), at::full({1, count}, n, at::kDouble), {});
    expect_close(found[0], truth.points[0], 10 * kSingle, name + " points");
    expect_close(found[1], truth.score[0], kSingle, name + " score");
  };
  for (const std::int64_t dim : {3, 6, 40}) {
    const Support s = ordinary(70, dim);
    const std::string name = "D=" + std::to_string(dim);
    Support other = s;
    for (const double distance : {1e2, 1e5, 1e9}) {
      other.points = s.points + distance * s.bandwidth * (thirds(70) - 1);
      expect_gradients(other, name + " clusters");
    }
    other.points = s.points.clone();
    other.points[3] = -1e15;
    expect_gradients(other, name + " outlier");
    other.points = s.points + 1e4;
    expect_gradients(other, name + " shifted");
  }
}

TEST(SteinParticleExtremes, TheBandwidthsGradientSurvivesFarClustersAndOutliers) {
  for (const double distance : {3.0, 1e2, 1e5, 1e12}) {
    for (const std::int64_t dim : {2, 9}) {
      Support exact = ordinary(40, dim);
      exact.points = exact.points + distance * (thirds(40) - 1);
      Support s{exact.points.to(at::kFloat),
                exact.score.to(at::kFloat),
                exact.bandwidth.to(at::kFloat).requires_grad_(true),
                {}};
      const auto both = stein::velocity_and_trace(s);
      const Tensor weights = normal({40, dim}, "weights", 1);
      const Tensor value = (both.velocity * weights.to(at::kFloat)).sum() +
                           0.3 * both.drift_trace_sum.sum() + stein::kernel_sums(s).sum();
      const Tensor found = torch::autograd::grad({value}, {s.bandwidth})[0];
      PairCase pairs{s.points.to(at::kDouble).unsqueeze(0),
                     s.score.to(at::kDouble).unsqueeze(0),
                     {},
                     at::full({1}, 1.0 / 40, at::kDouble),
                     {},
                     at::zeros({1, 1, 40, dim}, at::kDouble)};
      const Tensor sigma = s.bandwidth.detach().to(at::kDouble).requires_grad_(true);
      pairs.beta = sigma.pow(-2).view({1});
      const PairDefinition sums = pair_definition(pairs);
      const Tensor truth =
          (sums.velocity * weights).sum() + 12 * sums.trace.sum() + 40 * sums.kernel.sum();
      expect_close(found, torch::autograd::grad({truth}, {sigma})[0], 2 * kSingle,
                   "distance " + std::to_string(distance) + " D=" + std::to_string(dim));
    }
  }
}

}  // namespace
}  // namespace ergon::testing
