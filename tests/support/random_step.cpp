#include "support/random_step.hpp"

#include <ATen/ATen.h>

#include "ergon/core/random.hpp"

namespace ergon::testing {

RandomStep random_step(std::int64_t batch,
                       std::int64_t particles,
                       std::int64_t dim,
                       std::uint64_t seed) {
  Generator generator = Seed(seed).generator();
  const auto normal = [&](std::vector<std::int64_t> shape) {
    if (batch > 0) shape.insert(shape.begin(), batch);
    return draw::normal_like(at::empty(shape, at::kDouble), generator);
  };
  RandomStep step;
  step.particles = 1.5 * normal({particles, dim}) + 2.0;
  step.score = 2.0 * normal({particles, dim});
  const Tensor half = normal({particles, dim, dim});
  step.hessian = half + half.transpose(-1, -2);
  step.bandwidth = 0.5 + normal({}).abs();
  return step;
}

}  // namespace ergon::testing
