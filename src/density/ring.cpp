#include "ergon/density/ring.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/density/line_density.hpp"

namespace ergon {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kReach = 11.0;        // standard deviations of the radius: exp(-60)
constexpr double kTinySquare = 1e-30;  // keeps 1/|x| finite, also in float32

/// |x|, (..., n, 1), never zero, differentiable everywhere.
Tensor safe_norm(const Tensor& x) {
  return x.square().sum(-1, /*keepdim=*/true).clamp_min(kTinySquare).sqrt();
}

LineDensity radial_density(double radius, double stddev) {
  const auto log_f = [radius, stddev](double r) {
    const double z = (r - radius) / stddev;
    return std::log(r) - 0.5 * z * z;
  };
  return LineDensity(log_f, std::max(0.0, radius - kReach * stddev), radius + kReach * stddev);
}

}  // namespace

Ring::Ring(double radius, double stddev) : radius_(radius), stddev_(stddev) {
  require(std::isfinite(radius) && radius > 0, "radius = {} must be above 0", radius);
  require(std::isfinite(stddev) && stddev > 0, "stddev = {} must be above 0", stddev);
}

Tensor Ring::log_density(const Tensor& x) const { return log_density_and_score(x).log_density; }

LogDensityAndScore Ring::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Tensor r = safe_norm(x);
  const Tensor z = (r - radius_) / stddev_;
  return {-0.5 * z.square().squeeze(-1), -z / stddev_ * (x / r)};
}

/// Hessian = -[(1 - R/r) I + (R/r) u uᵀ] / s², u = x/r.
Tensor Ring::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  const Tensor r = safe_norm(x);
  const Tensor unit = x / r;
  const Tensor ratio = radius_ / r;
  const Tensor radial = (unit * v).sum(-1, /*keepdim=*/true) * unit;
  return (ratio * (v - radial) - v) / (stddev_ * stddev_);
}

KnownAnswers Ring::known() const {
  const LineDensity radial = radial_density(radius_, stddev_);
  const double log_z = std::log(2.0 * kPi) + radial.log_z();
  const double mean_energy = radial.expectation([this](double r) {
    const double z = (r - radius_) / stddev_;
    return 0.5 * z * z;
  });
  const double variance = 0.5 * radial.expectation([](double r) { return r * r; });
  return {log_z, log_z + mean_energy, at::zeros({2}, at::kDouble),
          variance * at::eye(2, at::kDouble)};
}

std::optional<Tensor> Ring::sample(std::int64_t count, Generator generator) const {
  const Tensor angle = 2.0 * kPi * draw::uniform_like(at::empty({count}, at::kDouble), generator);
  const Tensor r = radial_density(radius_, stddev_).sample(count, std::move(generator));
  return at::stack({r * angle.cos(), r * angle.sin()}, -1);
}

}  // namespace ergon
