// The passes over particles against tensor operations: sums in every shape, for every instruction
// set, and what callers may rely on besides the numbers.
#include "../../src/stein/particle_pass.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "../../src/stein/composed.hpp"
#include "../../src/stein/lanes/functions.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/core/workers.hpp"
#include "ergon/stein/jacobian.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/compare.hpp"
#include "support/pair_terms.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

namespace composed = stein::composed;
using stein::Support;

const double kExact = tolerance<double>() / 100;

Tensor normal(at::IntArrayRef shape, const char* purpose, std::uint64_t index = 0) {
  return draw::normal_like(at::empty(shape, at::kDouble),
                           Seed(401).child(purpose, index).generator());
}

Support random_support(const std::vector<std::int64_t>& sets,
                       std::int64_t count,
                       std::int64_t dim) {
  std::vector<std::int64_t> shape = sets;
  shape.insert(shape.end(), {count, dim});
  return {1.2 * normal(shape, "points") + 0.7,
          1.5 * normal(shape, "score"),
          (0.2 * normal(sets, "bandwidth")).exp() * std::sqrt(static_cast<double>(dim)),
          {}};
}

// Drops every third particle, which then holds what would spoil any sum.
void drop_some(Support& s) {
  s.alive = at::ones(s.points.sizes().slice(0, s.points.dim() - 1), at::kBool);
  for (std::int64_t i = 1; i < s.points.size(-2); i += 3) {
    s.alive.select(-1, i).fill_(false);
    s.points.select(-2, i).fill_(NAN);
    s.score.select(-2, i).fill_(i % 2 == 0 ? INFINITY : -INFINITY);
  }
}

// Norm-wise, to `relative` of the whole output.
void expect_near(const Tensor& actual,
                 const Tensor& expected,
                 double relative,
                 const std::string& name) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << name;
  const Tensor error = (actual.to(at::kDouble) - expected.to(at::kDouble)).norm();
  EXPECT_LE(error.item<double>(), relative * expected.to(at::kDouble).norm().item<double>())
      << name;
}

// Every public sum of s against the composed form of the same numbers in float64.
void expect_composed(const Support& s, double relative, const std::string& name) {
  Support exact{s.points.to(at::kDouble), s.score.to(at::kDouble), s.bandwidth.to(at::kDouble),
                s.alive};
  const auto kernel = composed::kernel_matrix(exact);
  const Tensor live = s.alive.defined()
                          ? s.alive.to(at::kDouble)
                          : at::ones(s.points.sizes().slice(0, s.points.dim() - 1), at::kDouble);
  const auto only_live = [&](const Tensor& t, std::int64_t width) {
    Tensor mask = live;
    for (std::int64_t k = 0; k < width; ++k) mask = mask.unsqueeze(-1);
    return t * mask;
  };
  auto probes = s.points.sizes().vec();
  probes.insert(probes.begin(), 3);
  const Tensor vectors = normal(probes, "vectors").to(s.points.scalar_type());
  const auto all = stein::velocity_trace_and_products(s, vectors);
  const auto expected = composed::velocity_and_trace(kernel);
  const Tensor velocity = only_live(expected.velocity, 1);
  const Tensor trace = only_live(expected.drift_trace_sum, 0);
  const auto product = composed::jacobian_vector_product(kernel, vectors.to(at::kDouble));
  expect_near(all.velocity, velocity, relative, name + " velocity");
  expect_near(all.drift_trace_sum, trace, relative, name + " trace");
  expect_near(all.products, only_live(product, 1), relative, name + " A v");
  expect_near(stein::velocity(s), velocity, relative, name + " velocity alone");
  expect_near(stein::velocity_and_trace(s).drift_trace_sum, trace, relative, name + " with trace");
  expect_near(stein::kernel_sums(s), only_live(kernel.row_sum.squeeze(-1), 0), relative,
              name + " kernel");
  expect_near(stein::jacobian_vector_product(s, vectors[1]), only_live(product[1], 1), relative,
              name + " one product");
  expect_near(
      stein::transposed_jacobian_vector_product(s, vectors),
      only_live(composed::transposed_jacobian_vector_product(kernel, vectors.to(at::kDouble)), 1),
      relative, name + " A' v");
  const std::int64_t dim = s.points.size(-1);
  if (s.points.size(-2) * dim * dim > 300000) return;
  const Tensor jacobian = only_live(composed::velocity_jacobian(kernel), 2);
  expect_near(stein::velocity_jacobian(s), jacobian, relative, name + " Jacobian");
  expect_near(stein::frobenius_squared(s), stein::frobenius_squared_of(jacobian), 2 * relative,
              name + " norms");
}

TEST(SteinParticlePass, SumsOfEveryShapeMatchTheComposedOnes) {
  for (const std::int64_t count :
       {1, 2, 3, 10, 15, 16, 17, 47, 48, 49, 63, 64, 65, 100, 130, 300}) {
    for (const std::int64_t dim : {1, 2, 3, 4, 5, 6, 8, 9, 16, 17, 31, 50, 70, 130, 260, 300}) {
      const Support s = random_support({}, count, dim);
      const std::string name = std::to_string(count) + " x " + std::to_string(dim);
      expect_composed(s, kExact, name);
      const Support single{
          s.points.to(at::kFloat), s.score.to(at::kFloat), s.bandwidth.to(at::kFloat), {}};
      expect_composed(single, tolerance<float>(), name + " float");
    }
  }
}

TEST(SteinParticlePass, SumsOfBatchesAndMasksMatchTheComposedOnes) {
  for (const std::vector<std::int64_t>& sets :
       std::vector<std::vector<std::int64_t>>{{}, {1}, {3}, {2, 5}}) {
    for (const std::int64_t count : {4, 17, 66, 130}) {
      for (const std::int64_t dim : {1, 3, 5, 17, 70}) {
        Support s = random_support(sets, count, dim);
        const std::string name = std::to_string(sets.size()) + " leading, " +
                                 std::to_string(count) + " x " + std::to_string(dim);
        expect_composed(s, kExact, name);
        drop_some(s);
        expect_composed(s, kExact, name + " dropped");
      }
    }
  }
}

// A set in raw arrays, with gradients of every sum.
template <class Real>
struct Raw {
  std::int64_t count, dim, probes;
  PairCase pairs;
  Tensor velocity_grad, trace_grad, kernel_grad;
};

template <class Real>
Raw<Real> raw_case(std::int64_t count, std::int64_t dim) {
  constexpr auto type = sizeof(Real) == 4 ? at::kFloat : at::kDouble;
  const PairCase exact = random_pairs(1, count, dim, static_cast<std::uint64_t>(count * dim));
  return {count,
          dim,
          2,
          converted(exact, at::dtype(type)),
          normal({1, count, dim}, "velocity gradient").to(type),
          normal({1, count}, "trace gradient").to(type),
          normal({1, count}, "kernel gradient").to(type)};
}

template <class Real>
void expect_definition(const stein::PassFunctions<Real>& f,
                       const Raw<Real>& c,
                       const std::string& name) {
  const double relative = sizeof(Real) == 4 ? 2 * tolerance<float>() : kExact * 10;
  const PairCase& p = c.pairs;
  Tensor velocity = at::zeros_like(p.points), kernel = at::zeros_like(c.trace_grad);
  Tensor trace = at::zeros_like(kernel), products = at::zeros_like(p.vectors);
  Tensor transposed = at::zeros_like(p.vectors);
  const auto data = [](const Tensor& t) { return t.data_ptr<Real>(); };
  const stein::PassScalars<Real> scalars{c.dim, p.beta.item<Real>(), p.scale.item<Real>()};
  const stein::PassColumns<Real> columns{data(p.points), data(p.score), c.count, 0};
  stein::PassSums<Real> rows{data(p.points),  c.count,        data(velocity),
                             data(kernel),    data(trace),    c.probes,
                             data(p.vectors), data(products), nullptr};
  stein::accumulate_by(f, rows, columns, scalars);
  rows = {data(p.points), c.count,         nullptr, nullptr,         nullptr,
          c.probes,       data(p.vectors), nullptr, data(transposed)};
  stein::accumulate_by(f, rows, columns, scalars);
  const PairDefinition expected = pair_definition(p);
  expect_close(velocity, expected.velocity, relative, name + " velocity");
  expect_close(kernel, expected.kernel, relative, name + " kernel");
  expect_close(trace, expected.trace, relative, name + " trace");
  expect_close(products, expected.products, relative, name + " products");
  expect_close(transposed, expected.transposed, relative, name + " transposed");

  Tensor points_grad = at::zeros_like(p.points), score_grad = at::zeros_like(p.points);
  const stein::PassUpstream<Real> up{
      data(p.points),     data(p.score),       c.count, data(velocity), data(c.velocity_grad),
      data(c.trace_grad), data(c.kernel_grad), 0,       nullptr,        nullptr};
  stein::differentiate_by(f, up, scalars, {data(points_grad), data(score_grad), nullptr});
  const PairGradients truth = pair_gradients(p, c.velocity_grad, c.trace_grad, c.kernel_grad);
  expect_close(points_grad, truth.points, relative, name + " points' gradient");
  expect_close(score_grad, truth.score, relative, name + " scores' gradient");
}

template <class Real>
void expect_definition_on_every_instruction_set() {
  int found = 0;
  for (const int bytes : {64, 32, 16}) {
    const auto* functions = stein::pass_functions_of<Real>(bytes);
    if (functions == nullptr) continue;
    ++found;
    for (const std::int64_t count : {1, 7, 16, 33, 50, 97}) {
      for (const std::int64_t dim : {1, 2, 3, 4, 5, 7, 12, 33})
        expect_definition(*functions, raw_case<Real>(count, dim),
                          std::to_string(bytes) + " bytes, " + std::to_string(count) + " x " +
                              std::to_string(dim));
    }
  }
  EXPECT_GE(found, 1);
}

TEST(SteinParticlePass, EveryInstructionSetMatchesTheDefinition) {
  expect_definition_on_every_instruction_set<float>();
  expect_definition_on_every_instruction_set<double>();
}

// Everything that a pass computes, gradients included.
std::vector<Tensor> everything(const Support& given, const Tensor& vectors) {
  Support s = given;
  for (Tensor* each : {&s.points, &s.score, &s.bandwidth})
    *each = each->detach().clone().requires_grad_(true);
  const auto all = stein::velocity_trace_and_products(s, vectors);
  const auto both = stein::velocity_and_trace(s);
  std::vector<Tensor> found =
      torch::autograd::grad({both.velocity.pow(2).sum() + both.drift_trace_sum.pow(2).sum() +
                             stein::kernel_sums(s).sum()},
                            {s.points, s.score, s.bandwidth});
  const auto more =
      torch::autograd::grad({all.products.pow(2).sum()}, {s.points, s.score, s.bandwidth});
  found.insert(found.end(), more.begin(), more.end());
  for (const Tensor& each : {all.velocity, all.drift_trace_sum, all.products})
    found.push_back(each.detach());
  found.push_back(stein::transposed_jacobian_vector_product(given, vectors));
  return found;
}

TEST(SteinParticlePass, ResultsHaveTheSameBitsWithAnyNumberOfThreads) {
  for (const std::int64_t dim : {2, 9}) {
    for (const bool small : {false, true}) {
      const Support s = small ? random_support({20}, 8, dim) : random_support({2}, 300, dim);
      const Tensor vectors = normal(s.points.sizes(), "vectors");
      const auto alone = everything(s, vectors), again = everything(s, vectors);
      for (std::size_t k = 0; k < alone.size(); ++k)
        expect_same_bits(again[k], alone[k], "again " + std::to_string(k));
      for (const int threads : {2, 3}) {
        set_worker_threads(threads);
        const auto shared = everything(s, vectors);
        set_worker_threads(1);
        for (std::size_t k = 0; k < alone.size(); ++k)
          expect_same_bits(shared[k], alone[k],
                           std::to_string(threads) + " threads, " + std::to_string(k));
      }
    }
  }
}

TEST(SteinParticlePass, ABatchIsItsSetsAndAPermutationPermutes) {
  for (const std::int64_t dim : {3, 20}) {
    const Support s = random_support({3}, 110, dim);
    const Tensor vectors = normal(s.points.sizes(), "vectors");
    const auto both = stein::velocity_trace_and_products(s, vectors);
    for (std::int64_t set = 0; set < 3; ++set) {
      const auto one = stein::velocity_trace_and_products(
          {s.points[set], s.score[set], s.bandwidth[set], {}}, vectors[set]);
      expect_same_bits(one.velocity, both.velocity[set].clone(), "velocity");
      expect_same_bits(one.drift_trace_sum, both.drift_trace_sum[set].clone(), "trace");
      expect_same_bits(one.products, both.products[set].clone(), "products");
    }
    const Tensor order =
        draw::uniform_like(at::empty({110}, at::kDouble), Seed(5).generator()).argsort();
    const auto moved = stein::velocity_trace_and_products(
        {s.points.index_select(1, order), s.score.index_select(1, order), s.bandwidth, {}},
        vectors.index_select(1, order));
    expect_close(moved.velocity, both.velocity.index_select(1, order), kExact, "velocity");
    expect_close(moved.drift_trace_sum, both.drift_trace_sum.index_select(1, order), kExact,
                 "trace");
    expect_close(moved.products, both.products.index_select(1, order), kExact, "products");
  }
}

TEST(SteinParticlePass, ShapesAndTypesThatDoNotFitAreRefused) {
  const Support s = random_support({}, 6, 3);
  const Tensor v = normal({6, 3}, "vectors");
  const auto with = [&](const Tensor& points, const Tensor& score, const Tensor& bandwidth,
                        const Tensor& alive = {}) {
    return Support{points, score, bandwidth, alive};
  };
  for (const Support& bad :
       {with(s.points.to(at::kHalf), s.score.to(at::kHalf), s.bandwidth.to(at::kHalf)),
        with(s.points.to(at::kLong), s.score.to(at::kLong), s.bandwidth),
        with(s.points, s.score.to(at::kFloat), s.bandwidth),
        with(s.points, s.score.narrow(0, 0, 5), s.bandwidth),
        with(s.points, s.score.narrow(1, 0, 2), s.bandwidth),
        with(s.points, s.score, s.bandwidth.view({1})), with(s.points[0], s.score[0], s.bandwidth),
        with(s.points, s.score, s.bandwidth, at::ones({6}, at::kDouble)),
        with(s.points, s.score, s.bandwidth, at::ones({5}, at::kBool)),
        with(s.points, s.score, s.bandwidth, at::zeros({6}, at::kBool)),
        with(at::empty({0, 3}, at::kDouble), at::empty({0, 3}, at::kDouble), s.bandwidth),
        with(at::empty({6, 0}, at::kDouble), at::empty({6, 0}, at::kDouble), s.bandwidth),
        with({}, s.score, s.bandwidth), with(s.points, {}, s.bandwidth),
        with(s.points, s.score, {})}) {
    EXPECT_THROW(stein::velocity(bad), InvalidInput);
    EXPECT_THROW(stein::velocity_and_trace(bad), InvalidInput);
    EXPECT_THROW(stein::kernel_sums(bad), InvalidInput);
    EXPECT_THROW(stein::jacobian_vector_product(bad, v), InvalidInput);
    EXPECT_THROW(stein::velocity_jacobian(bad), InvalidInput);
    EXPECT_THROW(stein::frobenius_squared(bad), InvalidInput);
  }
  EXPECT_THROW(stein::jacobian_vector_product(s, v.to(at::kFloat)), InvalidInput);
  EXPECT_THROW(stein::jacobian_vector_product(s, v.narrow(1, 0, 2)), InvalidInput);
  EXPECT_THROW(stein::jacobian_vector_product(s, v.unsqueeze(0).unsqueeze(0)), InvalidInput);
  EXPECT_THROW(stein::transposed_jacobian_vector_product(s, v[0]), InvalidInput);
}

TEST(SteinParticlePass, EmptyBatchesStridesAndModesWithoutGraphAreServed) {
  const Support none = random_support({0}, 6, 3);
  EXPECT_EQ(stein::velocity(none).sizes(), none.points.sizes());
  EXPECT_EQ(stein::kernel_sums(none).sizes(), (std::vector<std::int64_t>{0, 6}));
  const Support s = random_support({}, 70, 6);
  const Support strided{
      s.points.t().contiguous().t(), s.score.repeat({1, 2}).narrow(1, 0, 6), s.bandwidth, {}};
  const auto plain = stein::velocity_and_trace(s), other = stein::velocity_and_trace(strided);
  expect_same_bits(other.velocity, plain.velocity, "strided");
  expect_same_bits(other.drift_trace_sum, plain.drift_trace_sum, "strided trace");
  Support recording = s;
  recording.score = s.score.clone().requires_grad_(true);
  expect_same_bits(stein::velocity(recording).detach(), plain.velocity, "recording");
  {
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(stein::velocity(recording).requires_grad());
  }
  const c10::InferenceMode inference;
  expect_same_bits(stein::velocity(s), plain.velocity, "inference");
}

TEST(SteinParticlePass, ABandwidthThatIsNotPositiveDoesWhatIsDocumented) {
  for (const std::int64_t dim : {3, 7}) {
    const Support s = random_support({}, 40, dim);
    const Support negative{s.points, s.score, -s.bandwidth, {}};
    expect_same_bits(stein::velocity(negative), stein::velocity(s), "negative");
    const Support zero{s.points, s.score, at::zeros({}, at::kDouble), {}};
    expect_close(stein::velocity(zero), s.score / 40, kExact, "zero");
    expect_close(stein::kernel_sums(zero), at::ones({40}, at::kDouble), kExact, "zero's kernel");
    const Support unknown{s.points, s.score, at::full({}, NAN, at::kDouble), {}};
    EXPECT_TRUE(stein::velocity(unknown).isnan().all().item<bool>());
    EXPECT_TRUE(stein::velocity_and_trace(unknown).drift_trace_sum.isnan().all().item<bool>());
    EXPECT_TRUE(stein::kernel_sums(unknown).isnan().all().item<bool>());
  }
}

// Peak memory of this process since the last reset, in bytes; -1 where the system does not tell.
std::int64_t peak_memory(bool reset) {
  if (reset) std::ofstream("/proc/self/clear_refs") << 5;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return 1024 * std::stoll(line.substr(6));
  }
  return -1;
}

TEST(SteinParticlePass, MemoryGrowsWithTheParticlesAndNotTheirPairs) {
  constexpr std::int64_t kCount = 20000, kDim = 10;
  Support s = random_support({}, kCount, kDim);
  s = {s.points.to(at::kFloat).requires_grad_(true),
       s.score.to(at::kFloat).requires_grad_(true),
       s.bandwidth.to(at::kFloat).requires_grad_(true),
       {}};
  const std::int64_t before = peak_memory(true);
  if (before < 0) GTEST_SKIP() << "no /proc/self/status";
  const auto both = stein::velocity_and_trace(s);
  torch::autograd::grad({both.velocity.pow(2).sum() + both.drift_trace_sum.pow(2).sum()},
                        {s.points, s.score, s.bandwidth});
  // Some 40 arrays of the particles' size; a matrix of pairs would be 2000 of them.
  EXPECT_LT(peak_memory(false) - before, 60 * kCount * kDim * std::int64_t{4});
}

}  // namespace
}  // namespace ergon::testing
