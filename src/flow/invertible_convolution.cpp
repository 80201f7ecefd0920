#include "ergon/flow/invertible_convolution.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <tuple>
#include <utility>

#include "context_factors.hpp"
#include "context_network.hpp"
#include "ergon/core/errors.hpp"
#include "images.hpp"
#include "layer_input.hpp"
#include "log_scale.hpp"
#include "parameters.hpp"

namespace ergon {

using internal::as_parameter;
using internal::require_layer_input;

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
    : InvertibleConvolution(channels, places, 0, {}, std::move(generator)) {}

InvertibleConvolution::InvertibleConvolution(std::int64_t channels,
                                             std::int64_t places,
                                             std::int64_t context_dim,
                                             const NetworkOptions& network,
                                             Generator generator)
    : channels_(channels), places_(places) {
  require(channels >= 1 && places >= 1,
          "{} needs at least one channel and one place, got {} channels of {} places", kName,
          channels, places);
  const Factors factors = rotation_factors(channels, generator);
  lower_ = as_parameter(factors.lower);
  upper_ = as_parameter(factors.upper);
  log_diagonal_ = as_parameter(internal::unbounded_log_scale(factors.log_diagonal));
  network_ = internal::context_network(kName, context_dim, channels * channels, network,
                                       std::move(generator));
}

/// The matrices of all points under a context.
internal::ContextFactors InvertibleConvolution::factors(const Tensor& points,
                                                        const Tensor& context) const {
  require_layer_input(kName, points, dim(), context, context_dim());
  return {{lower_, upper_, log_diagonal_}, network_->evaluate(context, {}).output};
}

Tensor InvertibleConvolution::log_diagonal() const {
  return internal::bounded_log_scale(log_diagonal_);
}

Tensor InvertibleConvolution::matrix() const {
  const Tensor unit = at::eye(channels_, lower_.options().requires_grad(false));
  return at::matmul(lower_.tril(-1) + unit, upper_.triu(1) + log_diagonal().exp().diag());
}

Tensor InvertibleConvolution::inverse_matrix() const {
  const Tensor unit = at::eye(channels_, lower_.options().requires_grad(false));
  const Tensor half = at::linalg_solve_triangular(lower_.tril(-1) + unit, unit, /*upper=*/false,
                                                  /*left=*/true, /*unitriangular=*/true);
  return at::linalg_solve_triangular(upper_.triu(1) + log_diagonal().exp().diag(), half,
                                     /*upper=*/true);
}

Tensor InvertibleConvolution::apply(const Tensor& matrix, const Tensor& x) const {
  if (places_ == 1) return at::matmul(x, matrix.t());
  const Tensor images = internal::as_images(x, channels_, places_, 1);
  return internal::as_points(at::conv2d(images, matrix.view({channels_, channels_, 1, 1})), x,
                             dim());
}

Tensor InvertibleConvolution::log_det(const Tensor& x) const {
  return internal::for_every_point(log_diagonal().sum() * places_, x);
}

Mapped InvertibleConvolution::forward(const Tensor& x, const Tensor& context) const {
  if (network_) return factors(x, context).forward(x);
  require_layer_input(kName, x, dim(), context, 0);
  return {apply(matrix(), x), log_det(x)};
}

Mapped InvertibleConvolution::inverse(const Tensor& y, const Tensor& context) const {
  if (network_) return factors(y, context).inverse(y);
  require_layer_input(kName, y, dim(), context, 0);
  return {apply(inverse_matrix(), y), -log_det(y)};
}

// J = W in every place: G' = W⁻ᵀ G.
Carried InvertibleConvolution::carry_forward(const Tensor& x,
                                             const Tensor& force,
                                             const Tensor& context) const {
  if (network_) return factors(x, context).carry_forward(x, force);
  Mapped mapped = forward(x, context);
  const at::NoGradGuard no_grad;
  return {mapped.points, mapped.log_det, apply(inverse_matrix().t().contiguous(), force)};
}

Carried InvertibleConvolution::carry_inverse(const Tensor& y,
                                             const Tensor& force,
                                             const Tensor& context) const {
  if (network_) return factors(y, context).carry_inverse(y, force);
  Mapped mapped = inverse(y, context);
  const at::NoGradGuard no_grad;
  return {mapped.points, mapped.log_det, apply(matrix().t().contiguous(), force)};
}

NamedTensors InvertibleConvolution::parameters() const {
  return internal::with_network(
      {{"lower", lower_}, {"upper", upper_}, {"log_diagonal", log_diagonal_}}, network_.get());
}

}  // namespace ergon
