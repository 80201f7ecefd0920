#include "ergon/density/counting.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace ergon {
namespace {

std::int64_t points_of(const Tensor& x) {
  std::int64_t points = 1;
  for (const std::int64_t size :
       x.sizes().slice(0, static_cast<std::size_t>(std::max<std::int64_t>(x.dim() - 1, 0)))) {
    points *= size;
  }
  return points;
}

}  // namespace

Tensor CountingDensity::log_density(const Tensor& x) const {
  log_densities_ += points_of(x);
  return density_.log_density(x);
}

LogDensityAndScore CountingDensity::log_density_and_score(const Tensor& x) const {
  log_densities_ += points_of(x);
  gradients_ += points_of(x);
  return density_.log_density_and_score(x);
}

Tensor CountingDensity::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  hessian_vectors_ += points_of(x);
  return density_.hessian_vector_product(x, v);
}

Tensor CountingDensity::hessian(const Tensor& x) const {
  hessian_vectors_ += points_of(x) * dim();
  return density_.hessian(x);
}

EvaluationCounts CountingDensity::counts() const {
  return {log_densities_, gradients_, hessian_vectors_};
}

void CountingDensity::set_counts(const EvaluationCounts& counts) {
  log_densities_ = counts.log_density;
  gradients_ = counts.gradient;
  hessian_vectors_ = counts.hessian_vector;
}

}  // namespace ergon
