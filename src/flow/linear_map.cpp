#include "ergon/flow/linear_map.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "context_factors.hpp"
#include "context_network.hpp"
#include "ergon/core/errors.hpp"
#include "layer_input.hpp"
#include "log_scale.hpp"
#include "parameters.hpp"

namespace ergon {
namespace {

constexpr const char* kName = "a linear layer";

/// What is done with rows (N, D), for points of any leading shape: the solvers want matrices.
template <class Do>
Tensor by_rows(const Tensor& points, Do&& act) {
  if (points.dim() == 2) return act(points);
  return act(points.reshape({-1, points.size(-1)})).reshape(points.sizes());
}

/// Rows r with r A = b.
Tensor solve_upper(const Tensor& upper, const Tensor& rows, bool unit_diagonal) {
  return at::linalg_solve_triangular(upper, rows, /*upper=*/true, /*left=*/false, unit_diagonal);
}
Tensor solve_lower(const Tensor& lower, const Tensor& rows, bool unit_diagonal) {
  return at::linalg_solve_triangular(lower, rows, /*upper=*/false, /*left=*/false, unit_diagonal);
}

}  // namespace

LinearMap::LinearMap(std::int64_t dim, Generator generator)
    : LinearMap(dim, 0, {}, std::move(generator)) {}

LinearMap::LinearMap(std::int64_t dim,
                     std::int64_t context_dim,
                     const NetworkOptions& network,
                     Generator generator)
    : permutation_(Permutation::shuffle(dim, generator)),
      lower_(internal::zero_parameter({dim, dim})),
      upper_(internal::zero_parameter({dim, dim})),
      log_diagonal_(internal::zero_parameter({dim})),
      network_(internal::context_network(
          kName, context_dim, dim * dim, network, std::move(generator))) {}

/// The triangles of all points under a context.
internal::ContextFactors LinearMap::factors(const Tensor& points, const Tensor& context) const {
  internal::require_layer_input(kName, points, dim(), context, context_dim());
  return {{lower_, upper_, log_diagonal_}, network_->evaluate(context, {}).output};
}

/// L without its diagonal of ones.
Tensor LinearMap::lower() const { return lower_.tril(-1); }

Tensor LinearMap::upper() const {
  return upper_.triu(1) + at::diag_embed(internal::bounded_log_scale(log_diagonal_).exp());
}

Mapped LinearMap::forward(const Tensor& x, const Tensor& context) const {
  if (network_) {
    const Mapped mixed = factors(x, context).forward(x);
    return {permutation_.forward(mixed.points, context).points, mixed.log_det};
  }
  internal::require_layer_input(kName, x, dim(), context, 0);
  const Tensor rows = at::matmul(x, upper().t());
  const Tensor mixed = rows + at::matmul(rows, lower().t());
  const Tensor log_det = internal::bounded_log_scale(log_diagonal_).sum();
  return {permutation_.forward(mixed, context).points, internal::for_every_point(log_det, x)};
}

Mapped LinearMap::inverse(const Tensor& y, const Tensor& context) const {
  if (network_) {
    return factors(y, context).inverse(permutation_.inverse(y, context).points);
  }
  internal::require_layer_input(kName, y, dim(), context, 0);
  const Tensor upper_transposed = upper().t(), lower_transposed = lower().t();
  const Tensor points = by_rows(permutation_.inverse(y, context).points, [&](const Tensor& rows) {
    return solve_lower(upper_transposed, solve_upper(lower_transposed, rows, true), false);
  });
  const Tensor log_det = -internal::bounded_log_scale(log_diagonal_).sum();
  return {points, internal::for_every_point(log_det, y)};
}

Carried LinearMap::carry_forward(const Tensor& x,
                                 const Tensor& force,
                                 const Tensor& context) const {
  if (network_) {
    Carried mixed = factors(x, context).carry_forward(x, force.detach());
    mixed.points = permutation_.forward(mixed.points, context).points;
    mixed.force = permutation_.forward(mixed.force, context).points;
    return mixed;
  }
  const Mapped there = forward(x, context);
  const at::NoGradGuard no_graph;
  const Tensor upper = this->upper(), lower = this->lower();
  const Tensor carried = by_rows(force.detach(), [&](const Tensor& rows) {
    return solve_lower(lower, solve_upper(upper, rows, false), true);
  });
  return {there.points, there.log_det, permutation_.forward(carried, context).points};
}

// J = P L U: J^T G.
Carried LinearMap::carry_inverse(const Tensor& y,
                                 const Tensor& force,
                                 const Tensor& context) const {
  if (network_) {
    return factors(y, context)
        .carry_inverse(permutation_.inverse(y, context).points,
                       permutation_.inverse(force.detach(), context).points);
  }
  const Mapped back = inverse(y, context);
  const at::NoGradGuard no_graph;
  const Tensor rows = permutation_.inverse(force.detach(), context).points;
  return {back.points, back.log_det, at::matmul(rows + at::matmul(rows, lower()), upper())};
}

NamedTensors LinearMap::parameters() const {
  return internal::with_network(
      {{"lower", lower_}, {"upper", upper_}, {"log_diagonal", log_diagonal_}}, network_.get());
}

}  // namespace ergon
