#include "composed.hpp"

#include <ATen/ATen.h>

namespace ergon::stein::composed {
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

Tensor centred(const Tensor& particles, const Tensor& alive) {
  if (!alive.defined()) return particles - particles.mean(-2, /*keepdim=*/true);
  const Tensor rows = alive.unsqueeze(-1);
  const Tensor live = at::where(rows, particles, at::zeros_like(particles));
  const Tensor mean = live.sum(-2, true) / rows.sum(-2, true);
  return at::where(rows, particles - mean, at::zeros_like(particles));
}

Tensor squared_distances(const Tensor& points) {
  const Tensor norm = points.pow(2).sum(-1, /*keepdim=*/true);  // (..., M, 1)
  const Tensor product = at::matmul(points, points.transpose(-1, -2));
  const Tensor off_diagonal = 1 - at::eye(points.size(-2), points.options());
  const Tensor squared = norm + norm.transpose(-1, -2) - 2 * product;
  const Tensor rounding = (squared.clamp_min(0) - squared).detach();  // keeps the gradient
  return (squared + rounding) * off_diagonal;
}

KernelMatrix kernel_matrix(const Support& support) {
  const Tensor &particles = support.points, &bandwidth = support.bandwidth, &alive = support.alive;
  KernelMatrix k;
  const auto count = particles.size(-2);
  k.points = centred(particles, alive);
  k.score = support.score;
  if (alive.defined()) k.score = at::where(alive.unsqueeze(-1), k.score, at::zeros_like(k.score));
  k.beta = bandwidth.pow(-2).unsqueeze(-1).unsqueeze(-1);
  k.squared_distance = squared_distances(k.points);
  k.kernel = (k.squared_distance * (-0.5 * k.beta)).exp();
  if (alive.defined()) {
    const Tensor mask = alive.to(particles.scalar_type());
    k.kernel = k.kernel * mask.unsqueeze(-2);
    k.row_sum = k.kernel.sum(-1, true);
    k.off_row_sum = k.row_sum - mask.unsqueeze(-1);
    k.count = mask.sum(-1, true).unsqueeze(-1);
  } else {
    k.row_sum = k.kernel.sum(-1, true);
    k.off_row_sum = k.row_sum - 1;
    k.count = at::full_like(k.beta.detach(), static_cast<double>(count));
  }
  return k;
}

VelocityAndTrace velocity_and_trace(const KernelMatrix& k) {
  const Tensor& score = k.score;
  const auto dim = score.size(-1);
  const Tensor inner = (score * k.points).sum(-1, true);  // c_j = s_jᵀ x_j
  const Tensor sums = at::matmul(k.kernel, at::cat({score, k.points, inner}, -1));
  const Tensor kernel_score = sums.narrow(-1, 0, dim);
  const Tensor kernel_points = sums.narrow(-1, dim, dim);
  const Tensor kernel_inner = sums.narrow(-1, 2 * dim, 1);
  const Tensor repulsion = k.row_sum * k.points - kernel_points;  // Σ_j κ_ij d_ij

  // Σ_j κ_ij [ -β s_jᵀ d_ij + βD - β² r²_ij ] over j ≠ i
  const Tensor attraction = (k.points * kernel_score).sum(-1, true) - kernel_inner;
  const Tensor spread = (k.kernel * k.squared_distance).sum(-1, true);
  const Tensor trace =
      k.beta * (static_cast<double>(dim) * k.off_row_sum - attraction - k.beta * spread);
  return {(kernel_score + k.beta * repulsion) / k.count, trace.squeeze(-1)};
}

Tensor velocity_jacobian(const KernelMatrix& k, const Tensor& hessian) {
  const Tensor& score = k.score;
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
                               const Tensor& vectors,
                               const Tensor& hessian_product) {
  const Tensor weights = difference_weights(k, vectors);
  Tensor sum = k.beta * (k.off_row_sum * vectors - at::matmul(weights, k.score) -
                         k.beta * weighted_differences(weights, k.points));
  if (hessian_product.defined()) sum = sum + hessian_product;
  return sum / k.count;
}

Tensor transposed_jacobian_vector_product(const KernelMatrix& k,
                                          const Tensor& vectors,
                                          const Tensor& hessian_product) {
  const Tensor weights = difference_weights(k, vectors);
  const Tensor score_weights = k.kernel * at::matmul(vectors, k.score.transpose(-1, -2));
  Tensor sum = k.beta * (k.off_row_sum * vectors - weighted_differences(score_weights, k.points) -
                         k.beta * weighted_differences(weights, k.points));
  if (hessian_product.defined()) sum = sum + hessian_product;
  return sum / k.count;
}

}  // namespace ergon::stein::composed
