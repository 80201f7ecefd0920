#include "../../src/stein/small_sets.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../../src/stein/composed.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

namespace composed = stein::composed;

struct Shape {
  std::int64_t sets;
  std::int64_t count;
  std::int64_t dim;
};

std::string text(const Shape& s) {
  return std::to_string(s.sets) + " x " + std::to_string(s.count) + " x " + std::to_string(s.dim);
}

// Sets with scores and Hessians of no target, a bandwidth and a factor c of their own, and
// gradients by the outputs.
struct Case {
  Shape shape;
  Tensor points, score, beta, scale;
  Tensor hessian, vectors;
  Tensor velocity_grad, trace_grad, kernel_grad;
};

Case random_case(Shape shape, c10::ScalarType type) {
  const auto [sets, count, dim] = shape;
  const Generator generator = Seed(71).child("small sets", sets * count + dim).generator();
  const auto normal = [&](std::vector<std::int64_t> size) {
    return draw::normal_like(at::empty(size, at::kDouble), generator).to(type);
  };
  Case c{shape, 1.5 * normal({sets, count, dim}) + 2.0, 2.0 * normal({sets, count, dim}), {}, {},
         {},    normal({2, sets, count, dim}),          normal({sets, count, dim}),       {}, {}};
  c.beta = normal({sets}).abs() / static_cast<double>(dim) + 0.01;
  c.scale = (normal({sets}).abs() + 0.5) / static_cast<double>(count);
  const Tensor half = normal({sets, count, dim, dim});
  c.hessian = half + half.transpose(-1, -2);
  c.trace_grad = normal({sets, count});
  c.kernel_grad = normal({sets, count});
  return c;
}

struct Sums {
  Tensor velocity, kernel, trace, frobenius, frobenius_drift, products;
};
struct Gradients {
  Tensor points, score, beta;
};

// The operators composed of libtorch operations, the oracle.
composed::KernelMatrix composed_kernel(const Case& c) {
  const Tensor bandwidth = c.beta.to(at::kDouble).pow(-0.5);
  return composed::kernel_matrix(
      {c.points.to(at::kDouble), c.score.to(at::kDouble), bandwidth, {}});
}

// Of the documented operators, whose factor is 1/M.
Tensor factor(const Case& c) {
  return (c.scale.to(at::kDouble) * static_cast<double>(c.shape.count)).unsqueeze(-1);
}

Sums composed_sums(const Case& c) {
  const auto k = composed_kernel(c);
  const Tensor u = factor(c), rows = u.unsqueeze(-1);
  const auto both = composed::velocity_and_trace(k);
  const auto norm = [&](const Tensor& hessian) {
    return u * u * composed::velocity_jacobian(k, hessian).pow(2).sum({-2, -1});
  };
  Sums sums;
  sums.velocity = rows * both.velocity;
  sums.kernel = c.scale.unsqueeze(-1) * k.off_row_sum.squeeze(-1);
  sums.trace = c.scale.unsqueeze(-1) * both.drift_trace_sum;
  sums.frobenius = norm(c.hessian.to(at::kDouble));
  sums.frobenius_drift = norm({});
  sums.products = rows * composed::jacobian_vector_product(k, c.vectors.to(at::kDouble));
  return sums;
}

Gradients composed_gradients(Case c) {
  for (Tensor* leaf : {&c.points, &c.score, &c.beta})
    *leaf = leaf->to(at::kDouble).clone().requires_grad_(true);
  const auto k = composed_kernel(c);
  const auto both = composed::velocity_and_trace(k);
  const Tensor of_sums =
      both.drift_trace_sum * c.trace_grad + k.off_row_sum.squeeze(-1) * c.kernel_grad;
  const Tensor loss = (factor(c).unsqueeze(-1) * both.velocity * c.velocity_grad).sum() +
                      (c.scale.unsqueeze(-1) * of_sums).sum();
  const auto grads = torch::autograd::grad({loss}, {c.points, c.score, c.beta});
  return {grads[0], grads[1], grads[2]};
}

template <class Real>
const Real* in(const Tensor& t) {
  return t.defined() ? t.data_ptr<Real>() : nullptr;
}

template <class Real>
stein::SmallSetsInput<Real> input(const Case& c) {
  return {in<Real>(c.points), in<Real>(c.score), in<Real>(c.beta), in<Real>(c.scale),
          c.shape.sets,       c.shape.count,     c.shape.dim};
}

template <class Real>
Sums sums_of(const stein::SmallSets<Real>& sets, const Case& c) {
  Sums s{at::full_like(c.points, 7),     at::full_like(c.trace_grad, 7),
         at::full_like(c.trace_grad, 7), at::full_like(c.trace_grad, 7),
         at::full_like(c.trace_grad, 7), at::full_like(c.vectors, 7)};
  stein::SmallSetsForward<Real> out{s.velocity.data_ptr<Real>(),  s.kernel.data_ptr<Real>(),
                                    s.trace.data_ptr<Real>(),     in<Real>(c.hessian),
                                    s.frobenius.data_ptr<Real>(), c.vectors.size(0),
                                    in<Real>(c.vectors),          s.products.data_ptr<Real>()};
  sets.forward(input<Real>(c), out, 0, c.shape.sets);
  stein::SmallSetsForward<Real> drift{};
  drift.frobenius = s.frobenius_drift.data_ptr<Real>();
  sets.forward(input<Real>(c), drift, 0, c.shape.sets);
  return s;
}

template <class Real>
Gradients gradients_of(const stein::SmallSets<Real>& sets, const Case& c) {
  Gradients g{at::full_like(c.points, 7), at::full_like(c.points, 7), at::full_like(c.beta, 7)};
  const stein::SmallSetsBackward<Real> io{in<Real>(c.velocity_grad), in<Real>(c.trace_grad),
                                          in<Real>(c.kernel_grad),   g.points.data_ptr<Real>(),
                                          g.score.data_ptr<Real>(),  g.beta.data_ptr<Real>()};
  sets.backward(input<Real>(c), io, 0, c.shape.sets);
  return g;
}

template <class Real>
std::vector<std::pair<std::string, const stein::SmallSets<Real>*>> machines() {
  std::vector<std::pair<std::string, const stein::SmallSets<Real>*>> all;
  for (const int bytes : {64, 32, 16})
    if (const auto* sets = stein::small_sets_of<Real>(bytes))
      all.emplace_back(std::to_string(bytes) + "-byte vectors", sets);
  return all;
}

void expect_sums(const Sums& actual, const Sums& expected, double relative, std::string name) {
  expect_close(actual.velocity, expected.velocity, relative, name + " velocity");
  expect_close(actual.kernel, expected.kernel, relative, name + " kernel");
  expect_close(actual.trace, expected.trace, relative, name + " trace");
  expect_close(actual.frobenius, expected.frobenius, relative, name + " norm");
  expect_close(actual.frobenius_drift, expected.frobenius_drift, relative, name + " drift norm");
  expect_close(actual.products, expected.products, relative, name + " products");
}

void expect_gradients(const Gradients& actual,
                      const Gradients& expected,
                      double relative,
                      std::string name) {
  expect_close(actual.points, expected.points, relative, name + " points");
  expect_close(actual.score, expected.score, relative, name + " score");
  expect_close(actual.beta, expected.beta, relative, name + " beta");
}

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const std::int64_t sets : {1, 5, 16, 37})
    for (const std::int64_t count : {1, 2, 3, 10, 33})
      for (const std::int64_t dim : {1, 2, 3, 4, 5, 6, 7, 8, 9, 17})
        all.push_back({sets, count, dim});
  return all;
}

constexpr auto kFloat = at::kFloat;
constexpr auto kDouble = at::kDouble;

template <class Real>
void expect_all_shapes(c10::ScalarType type, double sums_relative, double gradients_relative) {
  for (const Shape& shape : shapes()) {
    const Case c = random_case(shape, type);
    const Sums sums = composed_sums(c);
    const Gradients gradients = composed_gradients(c);
    for (const auto& [name, sets] : machines<Real>()) {
      expect_sums(sums_of<Real>(*sets, c), sums, sums_relative, name + " " + text(shape));
      expect_gradients(gradients_of<Real>(*sets, c), gradients, gradients_relative,
                       name + " " + text(shape));
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(SteinSmallSets, MatchTheComposedOperatorsAndTheirGradientsInFloat64) {
  const double tight = 0.01 * tolerance<double>();
  expect_all_shapes<double>(kDouble, tight, tight);
}

TEST(SteinSmallSets, MatchTheComposedOperatorsOfFloat64InFloat32) {
  expect_all_shapes<float>(kFloat, tolerance<float>(), tolerance<float>());
}

// Every output of sets begin..end alone has the bits it has among all, and nothing else is written.
TEST(SteinSmallSets, WriteOnlyTheSetsOfTheirRange) {
  const Case c = random_case({37, 5, 3}, kFloat);
  for (const auto& [name, sets] : machines<float>()) {
    const Sums all = sums_of<float>(*sets, c);
    const Gradients gradients = gradients_of<float>(*sets, c);
    const Tensor part = at::full_like(all.velocity, 7), norm = at::full_like(all.frobenius, 7);
    const Tensor points = at::full_like(part, 7), score = at::full_like(part, 7);
    const Tensor beta = at::full_like(c.beta, 7);
    stein::SmallSetsForward<float> out{};
    out.velocity = part.data_ptr<float>();
    out.frobenius = norm.data_ptr<float>();
    out.hessian = in<float>(c.hessian);
    const stein::SmallSetsBackward<float> io{in<float>(c.velocity_grad), in<float>(c.trace_grad),
                                             in<float>(c.kernel_grad),   points.data_ptr<float>(),
                                             score.data_ptr<float>(),    beta.data_ptr<float>()};
    sets->forward(input<float>(c), out, 9, 30);
    sets->backward(input<float>(c), io, 9, 30);
    const auto expect_range = [&, name = name](const Tensor& got, const Tensor& whole) {
      Tensor expected = at::full_like(whole, 7);
      expected.narrow(0, 9, 21).copy_(whole.narrow(0, 9, 21));
      expect_same_bits(got, expected, name);
    };
    expect_range(part, all.velocity);
    expect_range(norm, all.frobenius);
    expect_range(points, gradients.points);
    expect_range(score, gradients.score);
    expect_range(beta, gradients.beta);
  }
}

TEST(SteinSmallSets, TakeAGradientThatIsAbsentAsZero) {
  Case c = random_case({5, 4, 3}, kDouble);
  Case zeros = c;
  zeros.trace_grad = at::zeros_like(c.trace_grad);
  zeros.kernel_grad = at::zeros_like(c.kernel_grad);
  const auto& sets = stein::small_sets<double>();
  const Gradients expected = gradients_of<double>(sets, zeros);
  c.trace_grad = c.kernel_grad = Tensor();
  const Gradients actual = gradients_of<double>(sets, c);
  expect_same_bits(actual.points, expected.points, "points");
  expect_same_bits(actual.score, expected.score, "score");
  expect_same_bits(actual.beta, expected.beta, "beta");
}

// Points on a grid of eighths, so that differences stay exact when whole numbers are added.
Case grid_case(Shape shape, c10::ScalarType type) {
  Case c = random_case(shape, type);
  c.points = at::round(8 * c.points) / 8;
  return c;
}

// Two copies of the sets' particles, `distance` apart in every coordinate.
Case two_clusters(const Case& one, double distance) {
  const auto twice = [](const Tensor& t, std::int64_t axis) { return at::cat({t, t}, axis); };
  Case c = one;
  c.shape.count *= 2;
  c.points = at::cat({one.points + distance, one.points - distance}, 1);
  c.score = twice(one.score, 1);
  c.hessian = twice(one.hessian, 1);
  c.vectors = twice(one.vectors, 2);
  c.velocity_grad = twice(one.velocity_grad, 1);
  c.trace_grad = twice(one.trace_grad, 1);
  c.kernel_grad = twice(one.kernel_grad, 1);
  return c;
}

template <class Real>
void expect_clusters_apart(c10::ScalarType type) {
  const Case one = grid_case({5, 4, 3}, type), both = two_clusters(one, 1e6);
  for (const auto& [name, sets] : machines<Real>()) {
    const Sums a = sums_of<Real>(*sets, one), b = sums_of<Real>(*sets, both);
    const Gradients p = gradients_of<Real>(*sets, one), q = gradients_of<Real>(*sets, both);
    const auto expect_twice = [&, name = name](const Tensor& whole, const Tensor& half) {
      expect_same_bits(whole.narrow(1, 0, 4).contiguous(), half, name + " first");
      expect_same_bits(whole.narrow(1, 4, 4).contiguous(), half, name + " second");
    };
    expect_twice(b.velocity, a.velocity);
    expect_twice(b.kernel, a.kernel);
    expect_twice(b.trace, a.trace);
    expect_twice(b.frobenius, a.frobenius);
    expect_twice(b.products[0], a.products[0]);
    expect_twice(q.points, p.points);
    expect_twice(q.score, p.score);
    expect_close(q.beta, 2 * p.beta, tolerance<Real>(), name + " beta");
  }
}

TEST(SteinSmallSets, LeaveClustersThatAreFarApartAlone) {
  expect_clusters_apart<float>(kFloat);
  expect_clusters_apart<double>(kDouble);
}

std::vector<Tensor> all_of(const Sums& s) {
  return {s.velocity, s.kernel, s.trace, s.frobenius, s.frobenius_drift, s.products};
}
std::vector<Tensor> all_of(const Gradients& g) { return {g.points, g.score, g.beta}; }

template <class Results>
void expect_no_nan(const Results& results, const std::string& name) {
  for (const Tensor& t : all_of(results)) EXPECT_FALSE(t.isnan().any().item<bool>()) << name;
}

void expect_finite(const Sums& sums, const Gradients& gradients, const std::string& name) {
  for (const Tensor& t : all_of(sums)) EXPECT_TRUE(t.isfinite().all().item<bool>()) << name;
  for (const Tensor& t : all_of(gradients)) EXPECT_TRUE(t.isfinite().all().item<bool>()) << name;
}

// What remains of particles that do not see each other.
void expect_alone(const Sums& s, const Case& c, double relative, const std::string& name) {
  const Tensor scale = c.scale.to(kDouble).unsqueeze(-1);
  expect_close(s.velocity, scale.unsqueeze(-1) * c.score, relative, name + " velocity");
  expect_same_bits(s.kernel, at::zeros_like(s.kernel), name + " kernel");
  expect_same_bits(s.trace, at::zeros_like(s.trace), name + " trace");
  expect_same_bits(s.frobenius_drift, at::zeros_like(s.frobenius_drift), name + " drift norm");
  expect_close(s.frobenius, scale * scale * c.hessian.to(kDouble).pow(2).sum({-2, -1}), relative,
               name + " norm");
}

template <class Real>
void expect_extremes(c10::ScalarType type, double farthest, double largest_score) {
  for (const auto& [name, sets] : machines<Real>()) {
    const auto expect_these = [&, sets = sets](const Case& c, const std::string& where) {
      expect_finite(sums_of<Real>(*sets, c), gradients_of<Real>(*sets, c), where);
      expect_alone(sums_of<Real>(*sets, c), c, tolerance<Real>(), where);
    };
    Case c = random_case({5, 10, 3}, type);
    for (const double bandwidth : {1e-200, 1e-25, 1e-6}) {  // 1/σ² may be infinite
      c.beta = at::full({5}, 1 / (bandwidth * bandwidth), kDouble).to(type);
      expect_these(c, name + " bandwidth " + std::to_string(bandwidth));
    }
    for (const double distance : {1e6, 1e20, farthest}) {
      c = random_case({5, 10, 3}, type);
      c.points = (c.points - 2) * distance;  // differences overflow at the farthest
      if (distance == farthest) c.score *= largest_score;
      expect_these(c, name + " distance " + std::to_string(distance));
    }
  }
}

TEST(SteinSmallSets, LeaveOnlyTheOwnTermsOfParticlesThatDoNotSeeEachOther) {
  expect_extremes<float>(kFloat, 6e37, 1e15);
  expect_extremes<double>(kDouble, 3e307, 1e100);
}

template <class Real>
void expect_coincident(c10::ScalarType type) {
  for (const auto& [name, sets] : machines<Real>())
    for (const double beta : {0.0, 1.0, 1e12}) {
      Case c = random_case({5, 10, 3}, type);
      c.points = c.points.narrow(1, 0, 1).repeat({1, 10, 1});
      c.beta.fill_(beta);
      const Sums s = sums_of<Real>(*sets, c);
      const Tensor scale = c.scale.to(kDouble).unsqueeze(-1), none = at::zeros_like(scale);
      const Tensor velocity = scale.unsqueeze(-1) * c.score.to(kDouble).sum(1, true);
      const std::string where = name + " beta " + std::to_string(beta);
      expect_finite(s, gradients_of<Real>(*sets, c), where);
      expect_close(s.velocity, velocity.expand_as(s.velocity), tolerance<Real>(), where);
      expect_close(s.kernel, (9 * scale).expand_as(s.kernel), tolerance<Real>(), where);
      expect_close(s.trace, (27 * beta * scale).expand_as(s.trace), tolerance<Real>(), where);
      const Tensor norm = (27 * 9 * beta * beta * scale * scale).expand_as(s.trace);
      expect_close(s.frobenius_drift, norm, tolerance<Real>(), where);
    }
}

TEST(SteinSmallSets, AddCoincidentParticlesExactly) {
  expect_coincident<float>(kFloat);
  expect_coincident<double>(kDouble);
}

// Half of the particles coincide with the others.
TEST(SteinSmallSets, GiveNoNanForAnyBandwidthOrSizeOfTheScores) {
  for (const auto& [name, sets] : machines<float>()) {
    Case c = random_case({5, 10, 3}, kFloat);
    c.points.narrow(1, 5, 5).copy_(c.points.narrow(1, 0, 5));
    for (const double beta : {0.0, 1e-40, 1e-30, 1e30, 1e38, 1e300}) {
      c.beta = at::full({5}, beta, kDouble).to(kFloat);
      expect_no_nan(sums_of<float>(*sets, c), name + " beta " + std::to_string(beta));
      expect_no_nan(gradients_of<float>(*sets, c), name + " beta " + std::to_string(beta));
    }
    c.score = c.score.abs() * 1e37;
    c.velocity_grad = c.velocity_grad.abs() * 100;  // their products overflow
    c.trace_grad.zero_();
    expect_no_nan(gradients_of<float>(*sets, c), name + " scores");
    c = random_case({5, 10, 3}, kFloat);
    c.points *= 1e20;  // squares overflow, and κ is 1 all the same
    c.beta.zero_();
    expect_no_nan(sums_of<float>(*sets, c), name + " points");
  }
}

TEST(SteinSmallSets, AreTakenForManySmallSetsOnly) {
  EXPECT_TRUE(stein::small_sets_pay(16, 256, 10, 6));
  EXPECT_TRUE(stein::small_sets_pay(8, 256, 10, 6));
  EXPECT_FALSE(stein::small_sets_pay(16, 1, 10, 6));
  EXPECT_FALSE(stein::small_sets_pay(16, 256, 100, 6));
  EXPECT_FALSE(stein::small_sets_pay(16, 256, 32, 17));
}

}  // namespace
}  // namespace ergon::testing
