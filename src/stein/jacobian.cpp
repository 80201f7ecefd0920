#include "ergon/stein/jacobian.hpp"

#include <ATen/ATen.h>

#include <limits>

namespace ergon::stein {
namespace {

Tensor outer_product(const Tensor& a, const Tensor& b) { return a.unsqueeze(-1) * b.unsqueeze(-2); }

// Σ_j κ_ij a_j b_jᵀ for all i as one product with the flattened outer products.
Tensor kernel_outer(const Tensor& kernel, const Tensor& a, const Tensor& b) {
  const Tensor flat = outer_product(a, b).flatten(-2);  // (..., M, D²)
  return at::matmul(kernel, flat).unflatten(-1, {a.size(-1), b.size(-1)});
}

// Σ_j κ_ij d_ij (d_ijᵀ v_i) from the weights w_ij = κ_ij (d_ijᵀ v_i).
Tensor weighted_differences(const Tensor& weights, const Tensor& points) {
  return weights.sum(-1, true) * points - at::matmul(weights, points);
}

// w_ij = κ_ij (d_ijᵀ v_i)
Tensor difference_weights(const KernelMatrix& k, const Tensor& vectors) {
  const Tensor own = (k.points * vectors).sum(-1, true);
  return k.kernel * (own - at::matmul(vectors, k.points.transpose(-1, -2)));
}

}  // namespace

Tensor velocity_jacobian(const KernelMatrix& k, const Tensor& score, const Tensor& hessian) {
  const Tensor& x = k.points;
  const Tensor& beta = k.beta;
  const Tensor score_term =
      outer_product(at::matmul(k.kernel, score), x) - kernel_outer(k.kernel, score, x);
  const Tensor kernel_points = at::matmul(k.kernel, x);
  const Tensor second_moment = outer_product(k.row_sum * x, x) - outer_product(x, kernel_points) -
                               outer_product(kernel_points, x) + kernel_outer(k.kernel, x, x);
  const Tensor identity = at::eye(x.size(-1), x.options());
  const Tensor b = beta.unsqueeze(-1);
  Tensor sum = b * (k.off_row_sum.unsqueeze(-1) * identity - score_term - b * second_moment);
  if (hessian.defined()) sum = sum + hessian;
  return sum / k.count.unsqueeze(-1);
}

Tensor jacobian_vector_product(const KernelMatrix& k,
                               const Tensor& score,
                               const Tensor& vectors,
                               const Tensor& hessian_product) {
  const Tensor weights = difference_weights(k, vectors);
  Tensor sum = k.beta * (k.off_row_sum * vectors - at::matmul(weights, score) -
                         k.beta * weighted_differences(weights, k.points));
  if (hessian_product.defined()) sum = sum + hessian_product;
  return sum / k.count;
}

Tensor transposed_jacobian_vector_product(const KernelMatrix& k,
                                          const Tensor& score,
                                          const Tensor& vectors,
                                          const Tensor& hessian_product) {
  const Tensor weights = difference_weights(k, vectors);
  const Tensor score_weights = k.kernel * at::matmul(vectors, score.transpose(-1, -2));
  Tensor sum = k.beta * (k.off_row_sum * vectors - weighted_differences(score_weights, k.points) -
                         k.beta * weighted_differences(weights, k.points));
  if (hessian_product.defined()) sum = sum + hessian_product;
  return sum / k.count;
}

Tensor frobenius_squared(const Tensor& jacobian) { return jacobian.pow(2).sum({-2, -1}); }

Tensor spectral_norm(const Tensor& jacobian) {
  const Tensor finite = jacobian.detach().isfinite().flatten(-2).all(-1);
  const Tensor safe =
      at::where(finite.unsqueeze(-1).unsqueeze(-1), jacobian.detach(), at::zeros_like(jacobian));
  const Tensor norm = at::linalg_svdvals(safe).select(-1, 0);
  return norm.masked_fill(finite.logical_not(), std::numeric_limits<double>::infinity());
}

Tensor frobenius_squared_published(const KernelMatrix& k,
                                   const Tensor& drift_jacobian,
                                   const Tensor& probe,
                                   const Tensor& hessian_product) {
  const Tensor count = k.count.squeeze(-1);  // (..., 1) against (..., M)
  const Tensor image = at::matmul(drift_jacobian, hessian_product.unsqueeze(-1)).squeeze(-1);
  return frobenius_squared(drift_jacobian) + 2 * (probe * image).sum(-1) / count +
         hessian_product.pow(2).sum(-1) / count.pow(2);
}

LogDeterminant block_log_determinant(const Tensor& jacobian, const Tensor& step_size) {
  const Tensor identity = at::eye(jacobian.size(-1), jacobian.options());
  const Tensor step = step_size.unsqueeze(-1).unsqueeze(-1).unsqueeze(-1);
  const auto [sign, log_abs_det] = at::linalg_slogdet(identity + step * jacobian);
  return {log_abs_det, sign > 0};
}

}  // namespace ergon::stein
