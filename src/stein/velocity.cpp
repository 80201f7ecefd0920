#include "ergon/stein/velocity.hpp"

#include <ATen/ATen.h>

#include "particle_function.hpp"

namespace ergon::stein {
namespace {

// (S, M) -> (..., M).
Tensor per_particle(const Tensor& values, const Tensor& points) {
  return values.reshape(points.sizes().slice(0, points.dim() - 1));
}

}  // namespace

Tensor velocity(const Support& particles) {
  const auto in = particle_inputs(particles, {}, "stein::velocity");
  return particle_sums(in, {}).velocity.reshape(particles.points.sizes());
}

VelocityAndTrace velocity_and_trace(const Support& particles) {
  const auto in = particle_inputs(particles, {}, "stein::velocity_and_trace");
  Wanted wanted;
  wanted.trace = true;
  const ParticleSums sums = particle_sums(in, wanted);
  return {sums.velocity.reshape(particles.points.sizes()),
          per_particle(sums.trace, particles.points)};
}

VelocityTraceAndProducts velocity_trace_and_products(const Support& particles,
                                                     const Tensor& vectors) {
  const auto in = product_inputs(particles, vectors, "stein::velocity_trace_and_products");
  Wanted wanted;
  wanted.trace = wanted.products = true;
  const ParticleSums sums = particle_sums(in, wanted);
  return {sums.velocity.reshape(particles.points.sizes()),
          per_particle(sums.trace, particles.points), sums.products.reshape(vectors.sizes())};
}

Tensor kernel_sums(const Support& particles) {
  const auto in = particle_inputs(particles, {}, "stein::kernel_sums");
  Wanted wanted;
  wanted.kernel = true;
  const Tensor others = per_particle(particle_sums(in, wanted).kernel, particles.points);
  return particles.alive.defined() ? others + particles.alive.to(others.scalar_type()) : others + 1;
}

Tensor stein_residual(const Tensor& velocity,
                      const Tensor& score,
                      const Tensor& trace,
                      const Tensor& alive) {
  const Tensor terms = (velocity * score).sum(-1) + trace;
  if (!alive.defined()) return terms.mean(-1);
  return at::where(alive, terms, at::zeros_like(terms)).sum(-1) / alive.sum(-1);
}

}  // namespace ergon::stein
