#include "ergon/stein/velocity.hpp"

#include <ATen/ATen.h>

namespace ergon::stein {

Tensor velocity(const KernelMatrix& k, const Tensor& score) {
  const Tensor sum =
      at::matmul(k.kernel, score - k.beta * k.points) + k.beta * k.row_sum * k.points;
  return sum / k.count;
}

VelocityAndTrace velocity_and_trace(const KernelMatrix& k, const Tensor& score) {
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

Tensor stein_residual(const Tensor& velocity,
                      const Tensor& score,
                      const Tensor& trace,
                      const Tensor& alive) {
  const Tensor terms = (velocity * score).sum(-1) + trace;
  if (!alive.defined()) return terms.mean(-1);
  return at::where(alive, terms, at::zeros_like(terms)).sum(-1) / alive.sum(-1);
}

}  // namespace ergon::stein
