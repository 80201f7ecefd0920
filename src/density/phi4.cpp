#include "ergon/density/phi4.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {

Phi4::Phi4(std::int64_t side, double mass_squared, double coupling)
    : side_(side), mass_squared_(mass_squared), coupling_(coupling) {
  require(side >= 1, "lattice = {} must be at least 1", side);
  require(std::isfinite(mass_squared), "mass-squared = {} must be a finite number", mass_squared);
  require(std::isfinite(coupling) && coupling > 0, "coupling = {} must be above 0", coupling);
}

Tensor Phi4::quadratic(const Tensor& a) const {
  auto shape = a.sizes().vec();
  shape.back() = side_;
  shape.push_back(side_);
  const Tensor field = a.reshape(shape);
  const Tensor neighbours = at::roll(field, 1, -1) + at::roll(field, -1, -1) +
                            at::roll(field, 1, -2) + at::roll(field, -1, -2);
  return ((4.0 + mass_squared_) * field - neighbours).reshape(a.sizes());
}

Tensor Phi4::log_density(const Tensor& x) const { return log_density_and_score(x).log_density; }

LogDensityAndScore Phi4::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Tensor linear = quadratic(x);
  const Tensor cubic = coupling_ * x.square() * x;
  return {-(x * (linear + cubic)).sum(-1), -2.0 * linear - 4.0 * cubic};
}

Tensor Phi4::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  return -2.0 * quadratic(v) - 12.0 * coupling_ * x.square() * v;
}

KnownAnswers Phi4::known() const {
  KnownAnswers answers;
  answers.mean = at::zeros({dim()}, at::kDouble);
  return answers;
}

}  // namespace ergon
