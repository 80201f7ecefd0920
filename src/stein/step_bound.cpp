#include "ergon/stein/step_bound.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace ergon::stein {
namespace {

constexpr double kSmallestNorm = 1e-30;  // a velocity without slope leaves every step invertible

// A norm that is not finite comes from a Hessian that is not: that particle's own move will be
// undone, and must not decide the others'.
Tensor largest(const Tensor& norm, const Tensor& alive) {
  Tensor counted = norm.isfinite();
  if (alive.defined()) counted = counted.logical_and(alive);
  return std::get<0>(norm.masked_fill(counted.logical_not(), 0).max(-1));
}

}  // namespace

Tensor norm_bound(const Tensor& norm, double safety, const Tensor& alive) {
  return safety / largest(norm, alive).clamp_min(kSmallestNorm);
}

Tensor eigenvalue_bound(const Tensor& trace,
                        const Tensor& frobenius_squared,
                        std::int64_t dim,
                        double safety,
                        const Tensor& alive) {
  const double d = static_cast<double>(dim);
  const Tensor mean = trace.abs() / d;
  const Tensor spread = (frobenius_squared / d - mean.pow(2)).abs().sqrt();
  return norm_bound(mean + spread * std::sqrt(d - 1) + 1e-5, safety, alive);
}

Tensor hard_clamp(const Tensor& step_size, const Tensor& bound) {
  return at::minimum(step_size, bound);
}

Tensor leaky_clamp(const Tensor& step_size, const Tensor& bound) {
  const Tensor leaked = (bound - 1e-5 * (step_size - bound)).clamp_min(0);
  return at::where(step_size < bound, step_size, leaked);
}

}  // namespace ergon::stein
