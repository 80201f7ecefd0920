#include "context_factors.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "images.hpp"
#include "log_scale.hpp"

namespace ergon::internal {
namespace {

Tensor transposed(const Tensor& matrices) { return matrices.transpose(-2, -1); }

/// (I + L) z and z of (I + L) z = b, for a strict triangle L, lower or upper.
Tensor times_unit(const Tensor& strict, const Tensor& z) { return z + at::bmm(strict, z); }
Tensor solve_unit(const Tensor& strict, const Tensor& b, bool upper) {
  return at::linalg_solve_triangular(strict, b, upper, /*left=*/true, /*unitriangular=*/true);
}

}  // namespace

ContextFactors::ContextFactors(const Shared& shared, const Tensor& added)
    : channels_(shared.log_diagonal.size(0)) {
  // -1 for the number of points, so that a trace holds for any.
  const Tensor matrices =
      added.reshape({-1, channels_, channels_}) / static_cast<double>(channels_);
  const Tensor diagonal = added.slice(-1, 0, channels_ * channels_, channels_ + 1);
  log_diagonal_ = bounded_log_scale(shared.log_diagonal + diagonal);
  lower_ = (shared.lower + matrices).tril(-1);
  upper_ = (shared.upper + matrices).triu(1) +
           at::diag_embed(log_diagonal_.exp().reshape({-1, channels_}));
}

Tensor ContextFactors::columns(const Tensor& points) const {
  return as_images(points, channels_, points.size(-1) / channels_);
}

Tensor ContextFactors::log_det(const Tensor& points) const {
  return for_every_point(log_diagonal_.sum(-1) * (points.size(-1) / channels_), points);
}

Mapped ContextFactors::forward(const Tensor& x) const {
  const Tensor y = times_unit(lower_, at::bmm(upper_, columns(x)));
  return {as_points(y, x, x.size(-1)), log_det(x)};
}

Mapped ContextFactors::inverse(const Tensor& y) const {
  const Tensor half = solve_unit(lower_, columns(y), /*upper=*/false);
  const Tensor x = at::linalg_solve_triangular(upper_, half, /*upper=*/true);
  return {as_points(x, y, y.size(-1)), -log_det(y)};
}

Carried ContextFactors::carry_forward(const Tensor& x, const Tensor& force) const {
  const Mapped mapped = forward(x);
  const at::NoGradGuard no_grad;
  const Tensor half =
      at::linalg_solve_triangular(transposed(upper_), columns(force), /*upper=*/false);
  const Tensor carried = solve_unit(transposed(lower_), half, /*upper=*/true);
  return {mapped.points, mapped.log_det, as_points(carried, force, force.size(-1))};
}

Carried ContextFactors::carry_inverse(const Tensor& y, const Tensor& force) const {
  const Mapped mapped = inverse(y);
  const at::NoGradGuard no_grad;
  const Tensor half = times_unit(transposed(lower_), columns(force));
  const Tensor carried = at::bmm(transposed(upper_), half);
  return {mapped.points, mapped.log_det, as_points(carried, force, force.size(-1))};
}

}  // namespace ergon::internal
