#include "ergon/density/banana.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;

}  // namespace

Banana::Banana(std::int64_t dim, double scale, double curvature)
    : dim_(dim), scale_(scale), curvature_(curvature) {
  require(dim >= 2, "dim = {}: the banana needs dim >= 2", dim);
  require(std::isfinite(scale) && scale > 0, "scale = {} must be above 0", scale);
  require(std::isfinite(curvature), "curvature = {} must be a finite number", curvature);
}

Tensor Banana::bend(const Tensor& x1) const { return curvature_ * (x1.square() - scale_ * scale_); }

Tensor Banana::log_density(const Tensor& x) const { return log_density_and_score(x).log_density; }

LogDensityAndScore Banana::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Tensor x1 = x.narrow(-1, 0, 1);
  const Tensor residual = x.narrow(-1, 1, 1) - bend(x1);
  const Tensor rest = x.narrow(-1, 2, dim_ - 2);
  const Tensor score1 = x1 * (2.0 * curvature_ * residual - 1.0 / (scale_ * scale_));
  const Tensor straight = at::cat({x1 / scale_, residual, rest}, -1);  // N(0, I)
  const double log_norm = -0.5 * static_cast<double>(dim_) * kLog2Pi - std::log(scale_);
  return {-0.5 * straight.square().sum(-1) + log_norm, at::cat({score1, -residual, -rest}, -1)};
}

Tensor Banana::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  const Tensor x1 = x.narrow(-1, 0, 1);
  const Tensor v1 = v.narrow(-1, 0, 1);
  const Tensor v2 = v.narrow(-1, 1, 1);
  const Tensor residual = x.narrow(-1, 1, 1) - bend(x1);
  const Tensor slope = 2.0 * curvature_ * x1;
  const Tensor second = 2.0 * curvature_ * residual - slope.square() - 1.0 / (scale_ * scale_);
  return at::cat({second * v1 + slope * v2, slope * v1 - v2, -v.narrow(-1, 2, dim_ - 2)}, -1);
}

KnownAnswers Banana::known() const {
  const double entropy = 0.5 * static_cast<double>(dim_) * (kLog2Pi + 1.0) + std::log(scale_);
  const double variance = scale_ * scale_;
  const Tensor variances = at::ones({dim_}, at::kDouble);
  variances[0] = variance;
  variances[1] = 1.0 + 2.0 * curvature_ * curvature_ * variance * variance;
  return {0.0, entropy, at::zeros({dim_}, at::kDouble), at::diag(variances)};
}

std::optional<Tensor> Banana::sample(std::int64_t count, Generator generator) const {
  const Tensor noise =
      draw::normal_like(at::empty({count, dim_}, at::kDouble), std::move(generator));
  const Tensor x1 = scale_ * noise.narrow(-1, 0, 1);
  return at::cat({x1, noise.narrow(-1, 1, 1) + bend(x1), noise.narrow(-1, 2, dim_ - 2)}, -1);
}

}  // namespace ergon
