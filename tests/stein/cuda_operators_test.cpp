// The Stein operators on a CUDA device against their definition on the CPU. What the kernels
// compute is tested without a device in cuda_kernels_test.cpp.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>
#include <limits>
#include <vector>

#include "../../src/stein/cuda/particle_tensors.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/stein/velocity.hpp"
#include "support/compare.hpp"
#include "support/pair_definition.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

namespace cuda = stein::cuda;

#ifdef ERGON_CUDA
#define ERGON_SKIP_WITHOUT_CUDA() \
  if (!cuda::available()) GTEST_SKIP() << "no CUDA device is there"
#else
#define ERGON_SKIP_WITHOUT_CUDA() GTEST_SKIP() << "built without CUDA (docs/guide/cuda.md)"
#endif

cuda::Particles particles_of(const PairCase& pairs) {
  return {pairs.points, pairs.score, pairs.beta, pairs.scale, pairs.alive};
}

at::TensorOptions on_device(at::ScalarType type) { return at::device(at::kCUDA).dtype(type); }

void expect_close_on_cpu(const Tensor& actual,
                         const Tensor& expected,
                         double relative,
                         const std::string& name) {
  EXPECT_TRUE(actual.is_cuda()) << name;
  expect_close(actual.cpu(), expected, relative, name);
}

cuda::ForwardGradients random_gradients(const Tensor& points) {
  const auto normal = [&](const char* purpose, const Tensor& like) {
    return draw::normal_like(like, Seed(98).child(purpose).generator());
  };
  const Tensor row = points.select(-1, 0).contiguous();
  return {normal("velocity", points), normal("trace", row), normal("kernel", row)};
}

// Sums, products and gradients of float64 numbers in another type on the device, against the
// definition of those numbers.
void expect_definition(const PairCase& exact, at::ScalarType type, const std::string& name) {
  const double relative = tolerance(type);
  const PairCase host = converted(exact, at::dtype(type));
  const PairCase pairs = converted(host, on_device(type));
  const PairDefinition expected = pair_definition(host);
  const auto sums = cuda::forward(particles_of(pairs));
  expect_close_on_cpu(sums.velocity, expected.velocity, relative, name + " velocity");
  expect_close_on_cpu(sums.kernel, expected.kernel, relative, name + " kernel");
  expect_close_on_cpu(sums.trace, expected.trace, relative, name + " trace");
  expect_close_on_cpu(cuda::jacobian_products(particles_of(pairs), pairs.vectors),
                      expected.products, relative, name + " products");
  expect_close_on_cpu(cuda::transposed_jacobian_products(particles_of(pairs), pairs.vectors),
                      expected.transposed, relative, name + " transposed");

  const auto given = random_gradients(host.points);
  const auto gradients = cuda::backward(
      particles_of(pairs), {given.velocity.cuda(), given.trace.cuda(), given.kernel.cuda()});
  const auto wanted = pair_gradients(host, given.velocity, given.trace, given.kernel);
  expect_close_on_cpu(gradients.points, wanted.points, relative, name + " gradient of points");
  expect_close_on_cpu(gradients.score, wanted.score, relative, name + " gradient of score");
  expect_close_on_cpu(gradients.beta, wanted.beta, relative, name + " gradient of beta");
}

TEST(SteinCuda, RefusesTensorsThatAreNotOnACudaDevice) {
  const PairCase pairs = random_pairs(1, 4, 2, 1);
  EXPECT_FALSE(pairs.points.is_cuda());
  EXPECT_THROW(cuda::forward(particles_of(pairs)), InvalidInput);
  EXPECT_THROW(cuda::jacobian_products(particles_of(pairs), pairs.vectors), InvalidInput);
}

TEST(SteinCuda, GivesTheSumsAndGradientsOfTheDefinition) {
  ERGON_SKIP_WITHOUT_CUDA();
  for (const auto& size : {std::array<std::int64_t, 3>{1, 1, 1},
                           {5, 10, 6},
                           {256, 10, 6},
                           {2, 64, 2},
                           {3, 70, 17},
                           {1, 130, 50},
                           {1, 65, 100},
                           {1, 500, 8}}) {
    const PairCase pairs = random_pairs(size[0], size[1], size[2], 1);
    const std::string name = fmt::format("{} x {} x {}", size[0], size[1], size[2]);
    expect_definition(pairs, at::kDouble, name + " double");
    expect_definition(pairs, at::kFloat, name + " float");
  }
}

TEST(SteinCuda, LeavesDroppedParticlesOut) {
  ERGON_SKIP_WITHOUT_CUDA();
  PairCase pairs = random_pairs(2, 90, 5, 2);
  pairs.alive = at::ones({2, 90}, at::kBool);
  pairs.alive[0].narrow(0, 3, 70).fill_(false);
  pairs.vectors = pairs.vectors.masked_fill(pairs.alive.logical_not().unsqueeze(-1), 0);
  PairDefinition expected = pair_definition(pairs);
  const Tensor dropped = pairs.alive.logical_not().unsqueeze(-1);
  pairs.points = pairs.points.masked_fill(dropped, std::numeric_limits<double>::quiet_NaN());
  const PairCase device = converted(pairs, on_device(at::kDouble));
  const auto sums = cuda::forward(particles_of(device));
  const double tight = tolerance<double>();
  expect_close_on_cpu(sums.velocity, expected.velocity, tight, "velocity");
  expect_close_on_cpu(sums.trace, expected.trace, tight, "trace");
  expect_close_on_cpu(cuda::jacobian_products(particles_of(device), device.vectors),
                      expected.products, tight, "products");
}

TEST(SteinCuda, HoldsSinglePrecisionForManyParticlesFarFromTheMean) {
  ERGON_SKIP_WITHOUT_CUDA();
  PairCase pairs = random_pairs(1, 5000, 50, 3);
  pairs.points.narrow(1, 0, 2000) += 1e4;
  const PairCase single = converted(pairs, on_device(at::kFloat));
  const auto sums = cuda::forward(particles_of(single));
  const auto exact = cuda::forward(particles_of(converted(single, at::dtype(at::kDouble))));
  expect_close_on_cpu(sums.velocity, exact.velocity.cpu(), tolerance<float>(), "velocity");
  expect_close_on_cpu(sums.trace, exact.trace.cpu(), tolerance<float>(), "trace");
}

TEST(SteinCuda, GivesTheSameBitsTwice) {
  ERGON_SKIP_WITHOUT_CUDA();
  const PairCase pairs = converted(random_pairs(3, 700, 20, 4), on_device(at::kFloat));
  const auto first = cuda::forward(particles_of(pairs));
  const auto second = cuda::forward(particles_of(pairs));
  expect_same_bits(second.velocity.cpu(), first.velocity.cpu(), "velocity");
  expect_same_bits(second.trace.cpu(), first.trace.cpu(), "trace");
  const auto given = random_gradients(pairs.points);
  expect_same_bits(cuda::backward(particles_of(pairs), given).beta.cpu(),
                   cuda::backward(particles_of(pairs), given).beta.cpu(), "gradient of beta");
}

// Velocity, trace and what a sum over both has as gradients in points, score and bandwidth.
std::vector<Tensor> public_results(const PairCase& pairs) {
  stein::Support support{pairs.points, pairs.score, pairs.beta.pow(-0.5), Tensor()};
  for (Tensor* each : {&support.points, &support.score, &support.bandwidth})
    *each = each->detach().clone().requires_grad_(true);
  const auto both = stein::velocity_and_trace(support);
  const Tensor total = both.velocity.pow(2).sum() + both.drift_trace_sum.sum();
  const auto gradients =
      torch::autograd::grad({total}, {support.points, support.score, support.bandwidth});
  return {both.velocity.detach(), both.drift_trace_sum.detach(), gradients[0], gradients[1],
          gradients[2]};
}

TEST(SteinCuda, PublicOperatorsGiveOnTheDeviceWhatTheyGiveOnTheCpu) {
  ERGON_SKIP_WITHOUT_CUDA();
  const PairCase pairs = random_pairs(3, 80, 7, 6);
  const auto expected = public_results(pairs);
  const auto actual = public_results(converted(pairs, on_device(at::kDouble)));
  for (std::size_t k = 0; k < expected.size(); ++k)
    expect_close_on_cpu(actual[k], expected[k], tolerance<double>(), fmt::format("result {}", k));
}

TEST(SteinCuda, SaysWhichTensorDoesNotFit) {
  ERGON_SKIP_WITHOUT_CUDA();
  const PairCase pairs = converted(random_pairs(2, 5, 3, 5), on_device(at::kDouble));
  auto particles = particles_of(pairs);
  particles.beta = pairs.beta.narrow(0, 0, 1);
  EXPECT_THROW(cuda::forward(particles), InvalidInput);
  particles = particles_of(pairs);
  particles.score = pairs.score.to(at::kFloat);
  EXPECT_THROW(cuda::forward(particles), InvalidInput);
  EXPECT_THROW(cuda::jacobian_products(particles_of(pairs), pairs.vectors[0]), InvalidInput);
}

}  // namespace
}  // namespace ergon::testing
