#include "ergon/density/particle_system.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kWellQuartic = 0.9;
constexpr double kWellQuadratic = -4.0;
constexpr double kWellOffset = 4.0;
constexpr double kTinySquare = 1e-16;  // keeps 1/r finite

// Where the Lennard-Jones energy goes over into its tangent, r². At r = 0.01 the eighth power of
// 1/r², the largest in a second derivative, is 1e32: below float32's limit.
constexpr double kCoreSquare = 1e-4;

// Pairs of the rows that are worked on together: what stays in a core's cache.
constexpr std::int64_t kPairsAtOnce = 32768;

/// Helmert's basis: column k is (1, ..., 1, -k, 0, ..., 0) / √(k (k + 1)), with k ones.
Tensor centred_basis(std::int64_t particles) {
  const Tensor basis = at::zeros({particles, particles - 1}, at::kDouble);
  for (std::int64_t k = 1; k < particles; ++k) {
    const auto order = static_cast<double>(k);
    const double scale = 1.0 / std::sqrt(order * (order + 1.0));
    basis.select(1, k - 1).narrow(0, 0, k).fill_(scale);
    basis[k][k - 1] = -order * scale;
  }
  return basis;
}

/// The differences a_i - a_j of one coordinate after the other, (..., n, n) each.
std::vector<Tensor> differences(const Tensor& positions) {
  std::vector<Tensor> by_coordinate;
  for (const Tensor& a : positions.unbind(-1)) {
    by_coordinate.push_back(a.unsqueeze(-1) - a.unsqueeze(-2));
  }
  return by_coordinate;
}

/// Σ_c a_c b_c, (..., n, n).
Tensor inner(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  Tensor sum = a[0] * b[0];
  for (std::size_t c = 1; c < a.size(); ++c) sum = sum + a[c] * b[c];
  return sum;
}

/// Σ_j weight_ij difference_ij by coordinate, (..., n, d).
Tensor summed_over_partners(const Tensor& weight, const std::vector<Tensor>& difference) {
  std::vector<Tensor> sums;
  for (const Tensor& part : difference) sums.push_back((weight * part).sum(-1));
  return at::stack(sums, -1);
}

double lennard_jones_slope(double q) { return 6.0 * (std::pow(q, -4) - std::pow(q, -7)); }

}  // namespace

ParticleSystem::ParticleSystem(std::string name,
                               std::int64_t particles,
                               std::int64_t space,
                               double trap)
    : name_(std::move(name)),
      particles_(particles),
      space_(space),
      trap_(trap),
      basis_(
          (require(particles >= 2 && space >= 1 && trap >= 0,
                   "a system needs at least 2 particles in at least 1 dimension and a trap of at "
                   "least 0, not {} in {} and {}",
                   particles,
                   space,
                   trap),
           centred_basis(particles))),
      self_(at::eye(particles, at::kDouble)) {}

Tensor ParticleSystem::positions(const Tensor& z) const {
  require_points(z);
  auto shape = z.sizes().vec();
  shape.back() = particles_ - 1;
  shape.push_back(space_);
  return at::matmul(basis_.like(z), z.reshape(shape));
}

Tensor ParticleSystem::coordinates(const Tensor& positions) const {
  require(positions.dim() >= 2 && positions.size(-2) == particles_ && positions.size(-1) == space_,
          "positions of '{}' must be (..., {}, {}), not ({})", name_, particles_, space_,
          fmt::join(positions.sizes(), ", "));
  auto shape = positions.sizes().vec();
  shape.pop_back();
  shape.back() = dim();
  return at::matmul(basis_.like(positions).t(), positions).reshape(shape);
}

std::vector<Tensor> ParticleSystem::slices(const Tensor& z) const {
  require_points(z);
  const std::int64_t rows = std::max<std::int64_t>(1, kPairsAtOnce / (particles_ * particles_));
  return z.reshape({-1, dim()}).split(rows);
}

Tensor ParticleSystem::log_density(const Tensor& z) const {
  const Tensor self = self_.like(z);
  std::vector<Tensor> values;
  for (const Tensor& part : slices(z)) {
    const auto apart = differences(positions(part));
    const Tensor pairs = pair_energy(inner(apart, apart) + self) * (1.0 - self);
    values.push_back(-0.5 * pairs.sum({-2, -1}) - 0.5 * trap_ * part.square().sum(-1));
  }
  return at::cat(values).reshape(z.sizes().slice(0, z.sizes().size() - 1));
}

LogDensityAndScore ParticleSystem::log_density_and_score(const Tensor& z) const {
  const Tensor self = self_.like(z);
  std::vector<Tensor> values;
  std::vector<Tensor> scores;
  for (const Tensor& part : slices(z)) {
    const auto apart = differences(positions(part));
    const Tensor q = inner(apart, apart) + self;
    const Tensor pairs = pair_energy(q) * (1.0 - self);
    const Tensor force = -2.0 * summed_over_partners(pair_slope(q), apart);
    values.push_back(-0.5 * pairs.sum({-2, -1}) - 0.5 * trap_ * part.square().sum(-1));
    scores.push_back(coordinates(force) - trap_ * part);
  }
  return {at::cat(values).reshape(z.sizes().slice(0, z.sizes().size() - 1)),
          at::cat(scores).reshape(z.sizes())};
}

Tensor ParticleSystem::hessian_vector_product(const Tensor& z, const Tensor& v) const {
  const Tensor self = self_.like(z);
  const auto directions = slices(v);
  std::vector<Tensor> products;
  for (const Tensor& part : slices(z)) {
    const Tensor& direction = directions[products.size()];
    const auto apart = differences(positions(part));
    const auto moving = differences(positions(direction));
    const Tensor q = inner(apart, apart) + self;
    const Tensor along = 2.0 * pair_curvature(q) * inner(apart, moving);
    const Tensor change =
        -2.0 * (summed_over_partners(pair_slope(q), moving) + summed_over_partners(along, apart));
    products.push_back(coordinates(change) - trap_ * direction);
  }
  return at::cat(products).reshape(z.sizes());
}

KnownAnswers ParticleSystem::known() const {
  KnownAnswers answers;
  answers.mean = at::zeros({dim()}, at::kDouble);
  return answers;
}

Tensor DoubleWellParticles::pair_energy(const Tensor& q) const {
  const Tensor squared = (q.clamp_min(kTinySquare).sqrt() - kWellOffset).square();
  return (kWellQuartic * squared + kWellQuadratic) * squared;
}

Tensor DoubleWellParticles::pair_slope(const Tensor& q) const {
  const Tensor r = q.clamp_min(kTinySquare).sqrt();
  const Tensor t = r - kWellOffset;
  return (2.0 * kWellQuartic * t.square() + kWellQuadratic) * t / r;
}

/// e'(q) = f(r) / (2r) with f = de/dr, so that e''(q) = (f'(r) - f(r) / r) / (4 r²).
Tensor DoubleWellParticles::pair_curvature(const Tensor& q) const {
  const Tensor r = q.clamp_min(kTinySquare).sqrt();
  const Tensor squared = (r - kWellOffset).square();
  const Tensor bend = 12.0 * kWellQuartic * squared + 2.0 * kWellQuadratic;
  const Tensor over_r =
      (4.0 * kWellQuartic * squared + 2.0 * kWellQuadratic) * (r - kWellOffset) / r;
  return (bend - over_r) / (4.0 * r.square());
}

Tensor LennardJones::pair_energy(const Tensor& q) const {
  const Tensor cubed = q.clamp_min(kCoreSquare).reciprocal().pow(3);
  const Tensor beyond = (q - kCoreSquare).clamp_max(0.0);
  return (cubed - 2.0) * cubed + lennard_jones_slope(kCoreSquare) * beyond;
}

Tensor LennardJones::pair_slope(const Tensor& q) const {
  const Tensor inverse = q.clamp_min(kCoreSquare).reciprocal();
  const Tensor cubed = inverse.pow(3);
  return 6.0 * (1.0 - cubed) * cubed * inverse;
}

Tensor LennardJones::pair_curvature(const Tensor& q) const {
  const Tensor inverse = q.clamp_min(kCoreSquare).reciprocal();
  const Tensor cubed = inverse.pow(3);
  const Tensor curvature = (42.0 * cubed - 24.0) * cubed * inverse.square();
  return at::where(q < kCoreSquare, at::zeros_like(curvature), curvature);
}

std::unique_ptr<Target> make_particle_system(const TargetOptions& options) {
  if (options.name == "dw4") return std::make_unique<DoubleWellParticles>(options.name, 4, 2);
  const std::int64_t particles = options.name == "lennard-jones-13" ? 13 : 55;
  return std::make_unique<LennardJones>(options.name, particles, 3);
}

}  // namespace ergon
