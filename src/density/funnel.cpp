#include "ergon/density/funnel.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;

/// x1 (..., n, 1), the rest (..., n, D-1), and what both derivatives need.
struct Parts {
  Tensor x1;
  Tensor rest;
  Tensor precision;  ///< exp(-x1)
  Tensor quadratic;  ///< exp(-x1) Σ_i>1 x_i²
};

Parts parts_of(const Tensor& x) {
  const Tensor x1 = x.narrow(-1, 0, 1);
  const Tensor rest = x.narrow(-1, 1, x.size(-1) - 1);
  const Tensor precision = (-x1).exp();
  return {x1, rest, precision, precision * rest.square().sum(-1, /*keepdim=*/true)};
}

}  // namespace

Funnel::Funnel(std::int64_t dim, double scale) : dim_(dim), scale_(scale) {
  require(dim >= 2, "dim = {}: the funnel needs dim >= 2", dim);
  require(std::isfinite(scale) && scale > 0, "scale = {} must be above 0", scale);
}

Tensor Funnel::log_density(const Tensor& x) const { return log_density_and_score(x).log_density; }

LogDensityAndScore Funnel::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Parts here = parts_of(x);
  const double variance = scale_ * scale_;
  const double others = static_cast<double>(dim_ - 1);
  const double log_norm = -0.5 * static_cast<double>(dim_) * kLog2Pi - std::log(scale_);
  const Tensor twice_negative = here.x1 * (here.x1 / variance + others) + here.quadratic;
  const Tensor score1 = 0.5 * (here.quadratic - others) - here.x1 / variance;
  return {-0.5 * twice_negative.squeeze(-1) + log_norm,
          at::cat({score1, -here.precision * here.rest}, -1)};
}

Tensor Funnel::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  const Parts here = parts_of(x);
  const Tensor v1 = v.narrow(-1, 0, 1);
  const Tensor v_rest = v.narrow(-1, 1, dim_ - 1);
  const Tensor cross = here.precision * (here.rest * v_rest).sum(-1, /*keepdim=*/true);
  const Tensor first = cross - v1 * (0.5 * here.quadratic + 1.0 / (scale_ * scale_));
  return at::cat({first, here.precision * (here.rest * v1 - v_rest)}, -1);
}

KnownAnswers Funnel::known() const {
  const double entropy = 0.5 * static_cast<double>(dim_) * (kLog2Pi + 1.0) + std::log(scale_);
  const Tensor variances = at::full({dim_}, std::exp(0.5 * scale_ * scale_), at::kDouble);
  variances[0] = scale_ * scale_;
  return {0.0, entropy, at::zeros({dim_}, at::kDouble), at::diag(variances)};
}

std::optional<Tensor> Funnel::sample(std::int64_t count, Generator generator) const {
  const Tensor noise =
      draw::normal_like(at::empty({count, dim_}, at::kDouble), std::move(generator));
  const Tensor x1 = scale_ * noise.narrow(-1, 0, 1);
  return at::cat({x1, (0.5 * x1).exp() * noise.narrow(-1, 1, dim_ - 1)}, -1);
}

}  // namespace ergon
