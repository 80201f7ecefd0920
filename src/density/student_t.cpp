#include "ergon/density/student_t.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon {

StudentT::StudentT(AffineMap map, double degrees_of_freedom)
    : map_(std::move(map)), degrees_of_freedom_(degrees_of_freedom) {
  require(degrees_of_freedom > 0 && std::isfinite(degrees_of_freedom),
          "Student's t needs positive degrees of freedom, got {}", degrees_of_freedom);
}

std::int64_t StudentT::dim() const { return map_.dim(); }

Tensor StudentT::log_prob(const Tensor& x) const {
  const double nu = degrees_of_freedom_;
  const auto d = static_cast<double>(dim());
  const double log_norm =
      std::lgamma((nu + d) / 2) - std::lgamma(nu / 2) - d / 2 * std::log(nu * M_PI);
  const Mapped standard = map_.inverse(x);
  return log_norm + standard.log_det -
         (nu + d) / 2 * (standard.points.square().sum(-1) / nu).log1p();
}

Draws StudentT::sample_with_log_prob(std::int64_t count, Generator generator) const {
  const double nu = degrees_of_freedom_;
  const Tensor like = at::empty({count, dim()}, map_.location().options().requires_grad(false));
  const Tensor normal = draw::normal_like(like, generator);
  const Tensor shape = at::full({count, 1}, nu / 2, at::TensorOptions(at::kDouble));
  const Tensor chi_squared = 2 * at::_standard_gamma(shape, generator);
  const Tensor scale = (nu / chi_squared).sqrt().to(normal.options());
  const Tensor x = map_.forward(normal * scale).points;
  return {x, log_prob(x)};
}

}  // namespace ergon
