#include "ergon/stein/jacobian.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <limits>

#include "ergon/stein/fixed_support.hpp"
#include "frobenius.hpp"
#include "particle_function.hpp"
#include "particle_sets.hpp"

namespace ergon::stein {
namespace {

// Number of live particles, (...).
Tensor live_counts(const ParticleInputs& in, const Tensor& points) {
  return live_count(in).reshape(points.sizes().slice(0, points.dim() - 2));
}

// H v / M added to the drift's products, (..., M, D) or (P, ..., M, D).
Tensor with_hessian(const Tensor& drift, const Tensor& hessian_product, const Tensor& counts) {
  if (!hessian_product.defined()) return drift;
  return drift + hessian_product / counts.unsqueeze(-1).unsqueeze(-1);
}

// Whether the small sets side by side (small_sets.hpp) have the norms for the asking.
bool small(const ParticleInputs& in) { return in.points.is_cpu() && cpu_side_by_side(in); }

}  // namespace

Tensor velocity_jacobian(const Support& particles, const Tensor& hessian) {
  const auto in = particle_inputs(particles, {}, "stein::velocity_jacobian");
  const Tensor counts = live_counts(in, particles.points).unsqueeze(-1).unsqueeze(-1);
  Tensor x = particles.points;
  if (particles.alive.defined()) x = at::where(particles.alive.unsqueeze(-1), x, at::zeros_like(x));
  // The particle itself, a support point at distance 0, adds β I / M to (21).
  const Tensor self =
      at::eye(x.size(-1), x.options()) *
      (particles.bandwidth.pow(-2).unsqueeze(-1).unsqueeze(-1) / counts).unsqueeze(-1);
  Tensor jacobian = field_jacobian(particles, x) - self;
  if (hessian.defined()) jacobian = jacobian + hessian / counts.unsqueeze(-1);
  if (!particles.alive.defined()) return jacobian;
  return at::where(particles.alive.unsqueeze(-1).unsqueeze(-1), jacobian, at::zeros_like(jacobian));
}

Tensor jacobian_vector_product(const Support& particles,
                               const Tensor& vectors,
                               const Tensor& hessian_product) {
  const auto in = product_inputs(particles, vectors, "stein::jacobian_vector_product");
  Wanted wanted;
  wanted.products = true;
  const Tensor drift = particle_sums(in, wanted).products.reshape(vectors.sizes());
  return with_hessian(drift, hessian_product, live_counts(in, particles.points));
}

Tensor transposed_jacobian_vector_product(const Support& particles,
                                          const Tensor& vectors,
                                          const Tensor& hessian_product) {
  const auto in = product_inputs(particles, vectors, "stein::transposed_jacobian_vector_product");
  const Tensor drift = transposed_products(in).reshape(vectors.sizes());
  return with_hessian(drift, hessian_product, live_counts(in, particles.points));
}

Tensor frobenius_squared(const Support& particles, const Tensor& hessian) {
  const auto in = particle_inputs(particles, {}, "stein::frobenius_squared");
  const bool recording = records_graph(in) || (at::GradMode::is_enabled() && hessian.defined() &&
                                               hessian.requires_grad());
  if (recording) return frobenius_squared_of(velocity_jacobian(particles, hessian));
  const at::NoGradGuard no_grad;
  if (!small(in)) return frobenius_squared_exact(particles, hessian);
  const Tensor checked = checked_hessian(hessian, particles.points);
  const auto shape = particles.points.sizes();
  return cpu_frobenius(in, checked).reshape(shape.slice(0, shape.size() - 1));
}

Tensor frobenius_squared_of(const Tensor& jacobian) { return jacobian.pow(2).sum({-2, -1}); }

Tensor spectral_norm(const Tensor& jacobian) {
  const Tensor finite = jacobian.detach().isfinite().flatten(-2).all(-1);
  const Tensor safe =
      at::where(finite.unsqueeze(-1).unsqueeze(-1), jacobian.detach(), at::zeros_like(jacobian));
  const Tensor norm = at::linalg_svdvals(safe).select(-1, 0);
  return norm.masked_fill(finite.logical_not(), std::numeric_limits<double>::infinity());
}

PublishedNorm frobenius_squared_published(const Support& particles,
                                          const Tensor& probe,
                                          const Tensor& hessian_product) {
  const auto in = particle_inputs(particles, {}, "stein::frobenius_squared_published");
  const Tensor count = live_counts(in, particles.points).unsqueeze(-1);
  const Tensor image = jacobian_vector_product(particles, hessian_product);
  PublishedNorm norm;
  norm.drift = frobenius_squared(particles);
  norm.squared = norm.drift + 2 * (probe * image).sum(-1) / count +
                 hessian_product.pow(2).sum(-1) / count.pow(2);
  return norm;
}

LogDeterminant block_log_determinant(const Tensor& jacobian, const Tensor& step_size) {
  const Tensor identity = at::eye(jacobian.size(-1), jacobian.options());
  const Tensor step = step_size.unsqueeze(-1).unsqueeze(-1).unsqueeze(-1);
  const auto [sign, log_abs_det] = at::linalg_slogdet(identity + step * jacobian);
  return {log_abs_det, sign > 0};
}

}  // namespace ergon::stein
