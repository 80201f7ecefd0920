#include "ergon/stein/joint.hpp"

#include <ATen/ATen.h>

#include "composed.hpp"
#include "ergon/core/errors.hpp"

namespace ergon::stein {
namespace {

Tensor apply(const Tensor& hessian, const Tensor& vectors) {
  return at::matmul(hessian, vectors.unsqueeze(-1)).squeeze(-1);
}

// J v with the kernel's matrices at hand.
Tensor joint_product(const composed::KernelMatrix& k,
                     const Tensor& hessian,
                     const Tensor& vectors) {
  const Tensor& score = k.score;
  const Tensor image = apply(hessian, vectors);
  const Tensor diagonal = composed::jacobian_vector_product(k, vectors, image);
  // Σ_{k≠i} of (10) times v_k, with q_ik = κ_ik d_ikᵀ v_k (zero at k = i)
  const Tensor own = (k.points * vectors).sum(-1).unsqueeze(-2);  // x_kᵀ v_k
  const Tensor weights =
      k.kernel * (at::matmul(k.points, vectors.transpose(-1, -2)) - own);  // (..., i, k)
  const Tensor repulsion = weights.sum(-1, true) * k.points - at::matmul(weights, k.points);
  const Tensor linear = image - k.beta * vectors;
  const Tensor self = k.row_sum - k.off_row_sum;  // κ_ii, or 0 for a dropped particle
  const Tensor off = at::matmul(k.kernel, linear) - self * linear +
                     k.beta * (at::matmul(weights, score) + k.beta * repulsion);
  return diagonal + off / k.count;
}

}  // namespace

Tensor joint_jacobian(const Support& particles, const Tensor& hessian) {
  ERGON_CHECK(hessian.defined(), "the joint Jacobian needs the Hessians");
  const auto k = composed::kernel_matrix(particles);
  const Tensor& score = k.score;
  const auto count = k.points.size(-2);
  const auto dim = k.points.size(-1);
  // Blocks (..., i, k, a, b), one plane of M×M×D×D at a time from differences d_ik.
  const Tensor difference = k.points.unsqueeze(-2) - k.points.unsqueeze(-3);  // (..., M, M, D)
  const Tensor row = difference.unsqueeze(-2);                                // d_ikᵀ
  const Tensor beta = k.beta.unsqueeze(-1).unsqueeze(-1);
  const Tensor column = score.unsqueeze(-3) + beta.squeeze(-1) * difference;  // s_k + β d_ik
  const Tensor identity = at::eye(dim, k.points.options());
  const Tensor off = k.kernel * (1 - at::eye(count, k.points.options()));
  Tensor blocks = hessian.unsqueeze(-4) + beta * (column.unsqueeze(-1) * row - identity);
  blocks = blocks * off.unsqueeze(-1).unsqueeze(-1) / k.count.unsqueeze(-1).unsqueeze(-1);
  const Tensor diagonal = composed::velocity_jacobian(k, hessian);  // (..., M, D, D)
  blocks = blocks +
           at::eye(count, k.points.options()).unsqueeze(-1).unsqueeze(-1) * diagonal.unsqueeze(-3);
  return blocks.transpose(-3, -2).flatten(-2).flatten(-3, -2);
}

LogDeterminant joint_log_determinant(const Tensor& joint_jacobian, const Tensor& step_size) {
  const Tensor identity = at::eye(joint_jacobian.size(-1), joint_jacobian.options());
  const Tensor step = step_size.unsqueeze(-1).unsqueeze(-1);
  const auto [sign, log_abs_det] = at::linalg_slogdet(identity + step * joint_jacobian);
  return {log_abs_det, sign > 0};
}

Tensor joint_jacobian_vector_product(const Support& particles,
                                     const Tensor& hessian,
                                     const Tensor& vectors) {
  return joint_product(composed::kernel_matrix(particles), hessian, vectors);
}

SeriesDeterminant joint_log_determinant_series(const Support& particles,
                                               const Tensor& hessian,
                                               const Tensor& step_size,
                                               const Tensor& probes,
                                               std::int64_t terms) {
  const auto k = composed::kernel_matrix(particles);
  Tensor power = probes;
  Tensor sum, last;
  double sign = 1.0;
  for (std::int64_t term = 1; term <= terms; ++term, sign = -sign) {
    power = joint_product(k, hessian, power);
    const Tensor trace = (probes * power).sum({-2, -1}).mean(0);  // tr(J^term)
    last = step_size.pow(term) * trace * (sign / static_cast<double>(term));
    sum = sum.defined() ? sum + last : last;
  }
  return {sum, last};
}

}  // namespace ergon::stein
