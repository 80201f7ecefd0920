// The bodies of the GPU's kernels (src/stein/cuda), run on the CPU: a block's threads are a loop,
// once in order and once in reverse, between what are barriers on the GPU. What depends on the
// order of threads between two barriers is a race there.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "../../src/stein/cuda/block_grid.hpp"
#include "../../src/stein/cuda/gradient_terms.hpp"
#include "ergon/core/random.hpp"
#include "support/compare.hpp"
#include "support/pair_definition.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

namespace cuda = stein::cuda;

enum class Order { kForward, kReverse };

struct LoopThreads {
  template <class T>
  struct Own {
    std::vector<T> of = std::vector<T>(cuda::kThreads);
    T& operator[](int thread) { return of[static_cast<std::size_t>(thread)]; }
  };
  template <class Body>
  void each(Body body) {
    for (int t = 0; t < cuda::kThreads; ++t)
      body(order == Order::kForward ? t : cuda::kThreads - 1 - t);
  }
  Order order;
};

template <class Terms, int kWidth>
void run_blocks(const typename Terms::Arrays& arrays, std::int64_t items, Order order) {
  const auto shared = std::make_unique<cuda::BlockShared<Terms, kWidth>>();
  LoopThreads threads{order};
  const std::int64_t blocks = cuda::block_count(arrays.particles, items);
  for (std::int64_t block = 0; block < blocks; ++block)
    cuda::run_block<Terms, kWidth>(arrays, items, block, *shared, threads);
}

template <class Terms>
void run_pass(const typename Terms::Arrays& arrays, std::int64_t items, Order order) {
  switch (cuda::block_width(arrays.particles.dim)) {
    case 8:
      return run_blocks<Terms, 8>(arrays, items, order);
    case 32:
      return run_blocks<Terms, 32>(arrays, items, order);
    default:
      return run_blocks<Terms, 64>(arrays, items, order);
  }
}

// How the blocks are cut and run.
struct Plan {
  std::int64_t blocks = 1;
  Order order = Order::kForward;
};

template <class Real>
cuda::ParticleSets<Real> particle_sets(const PairCase& pairs, std::int64_t items, Plan plan) {
  const Tensor& x = pairs.points;
  const std::int64_t splits = cuda::column_splits<Real>(items, x.size(1), plan.blocks);
  return {x.data_ptr<Real>(),
          pairs.score.data_ptr<Real>(),
          pairs.beta.data_ptr<Real>(),
          pairs.scale.data_ptr<Real>(),
          pairs.alive.defined() ? pairs.alive.data_ptr<bool>() : nullptr,
          x.size(0),
          x.size(1),
          x.size(2),
          splits};
}

// A slab for every split, full of what must not remain.
Tensor slabs(std::int64_t splits, const Tensor& like) {
  auto shape = like.sizes().vec();
  shape.insert(shape.begin(), splits);
  return at::full(shape, std::numeric_limits<double>::quiet_NaN(), like.options());
}

template <class Real>
PairDefinition sums_of(const PairCase& pairs, Plan plan) {
  PairDefinition sums;
  const auto particles = particle_sets<Real>(pairs, pairs.points.size(0), plan);
  const Tensor velocity = slabs(particles.splits, pairs.points);
  const Tensor kernel = slabs(particles.splits, pairs.points.select(-1, 0));
  const Tensor trace = at::empty_like(kernel);
  run_pass<cuda::VelocityTerms<Real>>(
      {particles, velocity.data_ptr<Real>(), kernel.data_ptr<Real>(), trace.data_ptr<Real>()},
      particles.sets, plan.order);
  sums.velocity = velocity.sum(0);
  sums.kernel = kernel.sum(0);
  sums.trace = trace.sum(0);

  const std::int64_t probes = pairs.vectors.size(0), items = probes * particles.sets;
  const auto probed = particle_sets<Real>(pairs, items, plan);
  const Tensor products = slabs(probed.splits, pairs.vectors);
  const Tensor transposed = slabs(probed.splits, pairs.vectors);
  const Real* vectors = pairs.vectors.data_ptr<Real>();
  run_pass<cuda::ProductTerms<Real, false>>({probed, probes, vectors, products.data_ptr<Real>()},
                                            items, plan.order);
  run_pass<cuda::ProductTerms<Real, true>>({probed, probes, vectors, transposed.data_ptr<Real>()},
                                           items, plan.order);
  sums.products = products.sum(0);
  sums.transposed = transposed.sum(0);
  return sums;
}

template <class Real>
const Real* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<Real>() : nullptr;
}

// Gradients F̄, T̄, K̄ of sums that carry the factor c.
struct SumGradients {
  Tensor velocity, trace, kernel;
};

SumGradients random_gradients(const PairCase& pairs) {
  const auto normal = [](const char* purpose, const Tensor& like) {
    return draw::normal_like(like, Seed(99).child(purpose).generator());
  };
  const Tensor row = pairs.points.select(-1, 0).contiguous();
  return {normal("velocity", pairs.points), normal("trace", row), normal("kernel", row)};
}

template <class Real>
PairGradients gradients_of(const PairCase& pairs, const SumGradients& grads, Plan plan) {
  const auto particles = particle_sets<Real>(pairs, pairs.points.size(0), plan);
  const Tensor scale = pairs.scale.view({-1, 1, 1});
  const auto scaled = [&](const Tensor& grad) {
    return grad.defined() ? grad * scale.squeeze(-1) : grad;
  };
  const Tensor velocity = grads.velocity * scale;
  const Tensor trace = scaled(grads.trace), kernel = scaled(grads.kernel);
  const Tensor points = slabs(particles.splits, pairs.points);
  const Tensor score = slabs(particles.splits, pairs.points);
  const Tensor beta = slabs(particles.splits, pairs.points.select(-1, 0));
  run_pass<cuda::GradientTerms<Real>>(
      {particles, velocity.data_ptr<Real>(), data_or_null<Real>(trace), data_or_null<Real>(kernel),
       points.data_ptr<Real>(), score.data_ptr<Real>(), beta.data_ptr<Real>()},
      particles.sets, plan.order);
  return {points.sum(0), score.sum(0), beta.sum(0).sum(-1)};
}

void expect_sums(const PairDefinition& actual,
                 const PairDefinition& expected,
                 double relative,
                 const std::string& name) {
  expect_close(actual.velocity, expected.velocity, relative, name + " velocity");
  expect_close(actual.kernel, expected.kernel, relative, name + " kernel");
  expect_close(actual.trace, expected.trace, relative, name + " trace");
  expect_close(actual.products, expected.products, relative, name + " products");
  expect_close(actual.transposed, expected.transposed, relative, name + " transposed");
}

void expect_gradients(const PairGradients& actual,
                      const PairGradients& expected,
                      double relative,
                      const std::string& name) {
  expect_close(actual.points, expected.points, relative, name + " points");
  expect_close(actual.score, expected.score, relative, name + " score");
  expect_close(actual.beta, expected.beta, relative, name + " beta");
}

// Sums and gradients of a case against the definition in float64 of the same numbers.
template <class Real>
void expect_definition(const PairCase& exact, Plan plan, const std::string& name) {
  const PairCase pairs = converted(exact, at::dtype(c10::CppTypeToScalarType<Real>::value));
  const double relative = tolerance<Real>();
  expect_sums(sums_of<Real>(pairs, plan), pair_definition(pairs), relative, name);
  const SumGradients grads = random_gradients(pairs);
  expect_gradients(gradients_of<Real>(pairs, grads, plan),
                   pair_gradients(pairs, grads.velocity, grads.trace, grads.kernel), relative,
                   name + " gradient of");
}

struct Size {
  std::int64_t sets, count, dim;
};
// One particle; less than, exactly and more than a tile; one and several widths of dimensions.
constexpr Size kSizes[] = {{1, 1, 1},    {5, 10, 6},   {2, 64, 2}, {3, 70, 17},
                           {1, 130, 50}, {1, 65, 100}, {2, 33, 8}, {1, 40, 33}};

std::string name_of(const Size& size) {
  return fmt::format("{} x {} x {}", size.sets, size.count, size.dim);
}

TEST(SteinCudaKernels, GiveTheSumsAndGradientsOfTheDefinition) {
  for (const Size& size : kSizes) {
    const PairCase pairs = random_pairs(size.sets, size.count, size.dim, 1);
    expect_definition<double>(pairs, {}, name_of(size) + " double");
    expect_definition<float>(pairs, {}, name_of(size) + " float");
  }
}

TEST(SteinCudaKernels, CutTheColumnsWithoutChangingTheSums) {
  const PairCase pairs = random_pairs(2, 200, 5, 2);
  const PairCase single = converted(pairs, at::dtype(at::kFloat));
  EXPECT_EQ(particle_sets<float>(single, 2, {16}).splits, 2);
  EXPECT_EQ(particle_sets<double>(pairs, 2, {1000}).splits, 7);
  expect_definition<float>(pairs, {16}, "2 slabs");
  expect_definition<double>(pairs, {42}, "3 slabs");
  expect_definition<double>(pairs, {1000}, "a slab for every tile");
}

TEST(SteinCudaKernels, TakeAbsentGradientsAsZero) {
  const PairCase pairs = random_pairs(2, 37, 4, 3);
  SumGradients grads = random_gradients(pairs);
  grads.trace = Tensor();
  expect_gradients(gradients_of<double>(pairs, grads, {}),
                   pair_gradients(pairs, grads.velocity, {}, grads.kernel), tolerance<double>(),
                   "no trace");
  grads.kernel = Tensor();
  expect_gradients(gradients_of<double>(pairs, grads, {}),
                   pair_gradients(pairs, grads.velocity, {}, {}), tolerance<double>(), "neither");
}

TEST(SteinCudaKernels, GiveTheSameBitsInAnyOrderOfThreads) {
  for (const std::int64_t dim : {3, 40, 70}) {
    const PairCase pairs = converted(random_pairs(2, 150, dim, 4), at::dtype(at::kFloat));
    const PairDefinition sums = sums_of<float>(pairs, {8, Order::kForward});
    const PairDefinition reverse = sums_of<float>(pairs, {8, Order::kReverse});
    expect_same_bits(reverse.velocity, sums.velocity, "velocity");
    expect_same_bits(reverse.kernel, sums.kernel, "kernel");
    expect_same_bits(reverse.trace, sums.trace, "trace");
    expect_same_bits(reverse.products, sums.products, "products");
    expect_same_bits(reverse.transposed, sums.transposed, "transposed");
    const SumGradients grads = random_gradients(pairs);
    const PairGradients first = gradients_of<float>(pairs, grads, {8, Order::kForward});
    const PairGradients second = gradients_of<float>(pairs, grads, {8, Order::kReverse});
    expect_same_bits(second.points, first.points, "gradient of points");
    expect_same_bits(second.score, first.score, "gradient of score");
    expect_same_bits(second.beta, first.beta, "gradient of beta");
  }
}

TEST(SteinCudaKernels, LeaveDroppedParticlesOutWhateverTheyHold) {
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  for (const std::int64_t count : {9, 70}) {
    PairCase pairs = random_pairs(3, count, 5, 5);
    pairs.alive = at::ones({3, count}, at::kBool);
    pairs.alive[0][2] = false;
    pairs.alive[1].narrow(0, 3, count - 4).fill_(false);
    pairs.alive[2].fill_(false);
    const Tensor dropped = pairs.alive.logical_not().unsqueeze(-1);
    const PairCase clean = pairs;
    SumGradients grads = random_gradients(pairs);
    for (Tensor* each : {&grads.velocity, &grads.trace, &grads.kernel})
      *each = each->masked_fill(each->dim() == 3 ? dropped : dropped.squeeze(-1), 0);
    const PairGradients expected = pair_gradients(clean, grads.velocity, grads.trace, grads.kernel);
    for (Tensor* each : {&pairs.points, &pairs.score, &pairs.vectors, &grads.velocity})
      *each = each->masked_fill(dropped, nothing);
    PairDefinition sums = pair_definition(clean);
    pairs.scale[2] = std::numeric_limits<double>::infinity();  // 1/0 live particles
    for (Tensor* each : {&sums.products, &sums.transposed}) *each = each->masked_fill(dropped, 0);
    expect_sums(sums_of<double>(pairs, {}), sums, tolerance<double>(), "dropped");
    expect_gradients(gradients_of<double>(pairs, grads, {}), expected, tolerance<double>(),
                     "dropped");
  }
}

TEST(SteinCudaKernels, KeepSinglePrecisionFarFromTheMean) {
  PairCase pairs = random_pairs(1, 140, 6, 6);
  pairs.points.narrow(1, 0, 50) += 3e4;
  pairs.points.narrow(1, 50, 20) -= 1e6;
  expect_definition<float>(pairs, {}, "three clouds");
  pairs.points = at::full_like(pairs.points, 12345.678);
  expect_definition<float>(pairs, {}, "coincident");
}

TEST(SteinCudaKernels, AreFiniteForAnyFinitePlaces) {
  for (const double spread : {1e10, 1e20, 3e38}) {
    for (const double beta : {1e-15, 1.0, 1e15}) {
      PairCase pairs = random_pairs(1, 20, 3, 7);
      pairs.points = pairs.points.sign() * spread;  // some coincide
      pairs.beta.fill_(beta);
      pairs = converted(pairs, at::dtype(at::kFloat));
      const PairDefinition sums = sums_of<float>(pairs, {});
      const PairGradients grads = gradients_of<float>(pairs, random_gradients(pairs), {});
      const std::string name = fmt::format("spread {} beta {}", spread, beta);
      for (const Tensor& each : {sums.velocity, sums.kernel, sums.trace, sums.products,
                                 sums.transposed, grads.points, grads.score, grads.beta})
        EXPECT_TRUE(each.isfinite().all().item<bool>()) << name;
    }
  }
}

TEST(SteinCudaKernels, ShowAParticleThatIsNotANumber) {
  PairCase pairs = random_pairs(2, 8, 3, 8);
  pairs.points[1][4][2] = std::numeric_limits<double>::quiet_NaN();
  const PairDefinition sums = sums_of<double>(pairs, {});
  EXPECT_TRUE(sums.velocity[0].isfinite().all().item<bool>());
  EXPECT_TRUE(sums.kernel[1].isnan().all().item<bool>());
  EXPECT_TRUE(sums.trace[1].isnan().all().item<bool>());
}

}  // namespace
}  // namespace ergon::testing
