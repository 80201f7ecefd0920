#include "ergon/stein/kernel.hpp"

#include <ATen/ATen.h>

namespace ergon::stein {

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
  return (norm + norm.transpose(-1, -2) - 2 * product).clamp_min(0) * off_diagonal;
}

KernelMatrix kernel_matrix(const Tensor& particles, const Tensor& bandwidth, const Tensor& alive) {
  KernelMatrix k;
  const auto count = particles.size(-2);
  k.points = centred(particles, alive);
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

}  // namespace ergon::stein
