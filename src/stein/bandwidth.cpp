#include "ergon/stein/bandwidth.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>

#include "ergon/stein/kernel.hpp"

namespace ergon::stein {
namespace {

constexpr double kSmallest = 1e-12;  // keeps σ positive when all particles coincide

struct Distances {
  Tensor squared;  // (..., M²), NaN for pairs with a dropped particle
  Tensor log_m;    // (...)      log(M + 1)
};

Distances distances(const Tensor& particles, const Tensor& alive) {
  const at::NoGradGuard no_grad;
  const Tensor x = centred(particles, alive);
  Tensor squared = squared_distances(x);
  const auto batch = squared.sizes().slice(0, squared.dim() - 2);
  if (!alive.defined()) {
    return {squared.flatten(-2), at::full(batch, std::log(particles.size(-2) + 1.0), x.options())};
  }
  const Tensor pair = alive.unsqueeze(-1).logical_and(alive.unsqueeze(-2));
  squared = squared.masked_fill(pair.logical_not(), std::numeric_limits<double>::quiet_NaN());
  return {squared.flatten(-2), (alive.sum(-1).to(x.scalar_type()) + 1).log()};
}

// The lower of the two middle values for an even number of them, as the reference does; NaN do not
// count.
Tensor lower_median(const Tensor& values) { return std::get<0>(values.nanmedian(-1)); }

Tensor root(const Tensor& variance) { return variance.clamp_min(kSmallest).sqrt(); }

}  // namespace

Tensor median_bandwidth(const Tensor& particles, const Tensor& alive) {
  const Distances d = distances(particles, alive);
  return root(lower_median(d.squared) / (2 * d.log_m));
}

Tensor mean_bandwidth(const Tensor& particles, const Tensor& alive) {
  const Distances d = distances(particles, alive);
  return root(d.squared.nanmean(-1) / (2 * d.log_m));
}

Tensor fourth_bandwidth(const Tensor& particles, const Tensor& alive) {
  const Distances d = distances(particles, alive);
  return root(d.squared.nanmean(-1) / (4 * d.log_m));
}

Tensor mmd_bandwidth(const Tensor& particles, const Tensor& alive) {
  const Distances d = distances(particles, alive);
  return (0.1 * lower_median(d.squared.sqrt())).clamp_min(std::sqrt(kSmallest));
}

}  // namespace ergon::stein
