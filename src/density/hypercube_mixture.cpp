#include "ergon/density/hypercube_mixture.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/density/line_density.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kReach = 12.0;  // standard deviations beyond a corner: exp(-72)

}  // namespace

HypercubeMixture::HypercubeMixture(std::int64_t dim, double variance)
    : dim_(dim), variance_(variance) {
  require(dim >= 1, "a mixture on the corners of a cube needs dim >= 1, not {}", dim);
  require(std::isfinite(variance) && variance > 0, "variance = {} must be above 0", variance);
}

Tensor HypercubeMixture::log_density(const Tensor& x) const {
  require_points(x);
  const Tensor tilt = x / variance_;
  const Tensor log_cosh = at::logaddexp(tilt, -tilt) - std::log(2.0);
  const double constant = -0.5 / variance_ - 0.5 * (kLog2Pi + std::log(variance_));
  return (log_cosh - 0.5 * x * tilt).sum(-1) + static_cast<double>(dim_) * constant;
}

LogDensityAndScore HypercubeMixture::log_density_and_score(const Tensor& x) const {
  return {log_density(x), ((x / variance_).tanh() - x) / variance_};
}

Tensor HypercubeMixture::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  const Tensor bend = 1.0 - (x / variance_).tanh().square();  // sech²
  return (bend / variance_ - 1.0) * v / variance_;
}

KnownAnswers HypercubeMixture::known() const {
  const double stddev = std::sqrt(variance_);
  const auto log_f = [this](double t) {
    const auto part = [&](double corner) { return -0.5 * (t - corner) * (t - corner) / variance_; };
    const double high = std::max(part(1.0), part(-1.0));
    return high + std::log(std::exp(part(1.0) - high) + std::exp(part(-1.0) - high));
  };
  const LineDensity line(log_f, -1.0 - kReach * stddev, 1.0 + kReach * stddev);
  const auto d = static_cast<double>(dim_);
  KnownAnswers answers;
  answers.log_z = 0.0;
  answers.entropy = d * (line.log_z() - line.expectation(log_f));
  answers.mean = at::zeros({dim_}, at::kDouble);
  answers.covariance = (1.0 + variance_) * at::eye(dim_, at::kDouble);
  return answers;
}

std::optional<Tensor> HypercubeMixture::sample(std::int64_t count, Generator generator) const {
  const Tensor like = at::empty({count, dim_}, at::kDouble);
  const Tensor corners = draw::rademacher_like(like, generator);
  return corners + std::sqrt(variance_) * draw::normal_like(like, std::move(generator));
}

std::optional<Tensor> HypercubeMixture::modes() const {
  if (dim_ > 10) return std::nullopt;
  const Tensor bit =
      at::bitwise_left_shift(at::ones({dim_}, at::kLong), at::arange(dim_ - 1, -1, -1, at::kLong));
  const Tensor corner = at::arange(std::int64_t{1} << dim_, at::kLong).unsqueeze(-1);
  return at::where(at::bitwise_and(corner, bit) != 0, at::scalar_tensor(1.0, at::kDouble),
                   at::scalar_tensor(-1.0, at::kDouble));
}

}  // namespace ergon
