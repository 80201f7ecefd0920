#include "ergon/flow/invertible_convolution.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <tuple>
#include <utility>

#include "ergon/core/errors.hpp"
#include "images.hpp"
#include "parameters.hpp"

namespace ergon {

using internal::as_parameter;
using internal::require_points;

namespace {

constexpr auto kName = "an invertible 1 x 1 convolution";

struct Factors {
  Tensor lower, upper, log_diagonal;
};

/// L and U of a random rotation Q with its rows ordered by partial pivoting and signed so that the
/// diagonal of U is positive: with Q = P L U and S the signs of U's diagonal, S Pᵀ Q = (S L S)(S
/// U).
Factors rotation_factors(std::int64_t channels, Generator generator) {
  const Tensor normal =
      draw::normal_like(at::empty({channels, channels}, at::TensorOptions().dtype(at::kDouble)),
                        std::move(generator));
  const Tensor rotation = std::get<0>(at::linalg_qr(normal));
  const auto [packed, pivots] = at::linalg_lu_factor(rotation);
  const Tensor signs = packed.diagonal().sgn();
  const Tensor lower = packed.tril(-1) * signs.unsqueeze(1) * signs.unsqueeze(0);
  const Tensor upper = packed.triu(1) * signs.unsqueeze(1);
  return {lower, upper, packed.diagonal().abs().log()};
}

}  // namespace

InvertibleConvolution::InvertibleConvolution(std::int64_t channels,
                                             std::int64_t places,
                                             Generator generator)
    : channels_(channels), places_(places) {
  require(channels >= 1 && places >= 1,
          "{} needs at least one channel and one place, got {} channels of {} places", kName,
          channels, places);
  const Factors factors = rotation_factors(channels, std::move(generator));
  lower_ = as_parameter(factors.lower);
  upper_ = as_parameter(factors.upper);
  log_diagonal_ = as_parameter(factors.log_diagonal);
}

Tensor InvertibleConvolution::matrix() const {
  const Tensor unit = at::eye(channels_, lower_.options().requires_grad(false));
  return at::matmul(lower_.tril(-1) + unit, upper_.triu(1) + log_diagonal_.exp().diag());
}

Tensor InvertibleConvolution::inverse_matrix() const {
  const Tensor unit = at::eye(channels_, lower_.options().requires_grad(false));
  const Tensor half = at::linalg_solve_triangular(lower_.tril(-1) + unit, unit, /*upper=*/false,
                                                  /*left=*/true, /*unitriangular=*/true);
  return at::linalg_solve_triangular(upper_.triu(1) + log_diagonal_.exp().diag(), half,
                                     /*upper=*/true);
}

Tensor InvertibleConvolution::apply(const Tensor& matrix, const Tensor& x) const {
  if (places_ == 1) return at::matmul(x, matrix.t());
  const Tensor images = internal::as_images(x, channels_, places_, 1);
  return internal::as_points(at::conv2d(images, matrix.view({channels_, channels_, 1, 1})), x,
                             dim());
}

Tensor InvertibleConvolution::log_det(const Tensor& x) const {
  return internal::at_every_point(log_diagonal_.sum() * places_, x);
}

Mapped InvertibleConvolution::forward(const Tensor& x, const Tensor&) const {
  require_points(kName, x, dim());
  return {apply(matrix(), x), log_det(x)};
}

Mapped InvertibleConvolution::inverse(const Tensor& y, const Tensor&) const {
  require_points(kName, y, dim());
  return {apply(inverse_matrix(), y), -log_det(y)};
}

// J = W in every place: G' = W⁻ᵀ G.
Carried InvertibleConvolution::carry_forward(const Tensor& x,
                                             const Tensor& force,
                                             const Tensor& context) const {
  Mapped mapped = forward(x, context);
  const at::NoGradGuard no_grad;
  return {mapped.points, mapped.log_det, apply(inverse_matrix().t().contiguous(), force)};
}

Carried InvertibleConvolution::carry_inverse(const Tensor& y,
                                             const Tensor& force,
                                             const Tensor& context) const {
  Mapped mapped = inverse(y, context);
  const at::NoGradGuard no_grad;
  return {mapped.points, mapped.log_det, apply(matrix().t().contiguous(), force)};
}

NamedTensors InvertibleConvolution::parameters() const {
  return {{"lower", lower_}, {"upper", upper_}, {"log_diagonal", log_diagonal_}};
}

}  // namespace ergon
