#include "ergon/stein/bandwidth.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/accumulate.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdint>

#include "composed.hpp"
#include "ergon/core/errors.hpp"
#include "pair_distances.hpp"

namespace ergon::stein {
namespace {

constexpr double kSmallest = 1e-6;  // keeps σ positive when all particles coincide

// One leading dimension of sets, and alive of the same shape.
struct Sets {
  Tensor particles;  // (S, M, D)
  Tensor alive;      // (S, M) bool, or undefined
};

Sets sets_of(const Tensor& particles, const Tensor& alive) {
  require(particles.dim() >= 2,
          "a bandwidth is wanted of particles with shape [{}]; give them as (..., M, D)",
          fmt::join(particles.sizes(), ", "));
  const auto shape = particles.sizes();
  const auto rows = shape.slice(0, shape.size() - 1);
  const std::int64_t count = particles.size(-2), dim = particles.size(-1);
  const std::int64_t sets = c10::multiply_integers(shape.slice(0, shape.size() - 2));
  const Tensor x = particles.detach().reshape({sets, count, dim});
  if (!alive.defined()) return {x, alive};
  require(at::is_expandable_to(alive.sizes(), rows),
          "the mask of live particles has shape [{}] and the particles [{}]; give it as (..., M)",
          fmt::join(alive.sizes(), ", "), fmt::join(shape, ", "));
  return {x, alive.to(at::kBool).expand(rows).reshape({sets, count})};
}

// distance / √(factor log(M + 1)), M the live particles.
Tensor per_log(const Tensor& distance, const Sets& s, double factor) {
  if (!s.alive.defined())
    return distance / std::sqrt(factor * std::log(static_cast<double>(s.particles.size(1)) + 1));
  return distance / (factor * (s.alive.sum(-1).to(at::kDouble) + 1).log()).sqrt();
}

// mean r² = 2 mean ‖x - mean x‖², (S) float64.
Tensor mean_square(const Sets& s) {
  const Tensor squares =
      composed::centred(s.particles.to(at::kDouble), s.alive).pow(2).sum({-2, -1});
  if (!s.alive.defined()) return squares * (2.0 / static_cast<double>(s.particles.size(1)));
  return 2 * squares / s.alive.sum(-1);
}

// In the shape and type of the particles.
Tensor positive(const Tensor& bandwidth, const Tensor& particles) {
  const auto shape = particles.sizes();
  return bandwidth.clamp_min(kSmallest)
      .to(particles.scalar_type())
      .view(shape.slice(0, shape.size() - 2));
}

}  // namespace

Tensor median_bandwidth(const Tensor& particles, const Tensor& alive) {
  const at::NoGradGuard no_grad;
  const Sets s = sets_of(particles, alive);
  return positive(per_log(median_distance(s.particles, s.alive), s, 2), particles);
}

Tensor mean_bandwidth(const Tensor& particles, const Tensor& alive) {
  const at::NoGradGuard no_grad;
  const Sets s = sets_of(particles, alive);
  return positive(per_log(mean_square(s).sqrt(), s, 2), particles);
}

Tensor fourth_bandwidth(const Tensor& particles, const Tensor& alive) {
  const at::NoGradGuard no_grad;
  const Sets s = sets_of(particles, alive);
  return positive(per_log(mean_square(s).sqrt(), s, 4), particles);
}

Tensor mmd_bandwidth(const Tensor& particles, const Tensor& alive) {
  const at::NoGradGuard no_grad;
  const Sets s = sets_of(particles, alive);
  return positive(0.1 * median_distance(s.particles, s.alive), particles);
}

}  // namespace ergon::stein
