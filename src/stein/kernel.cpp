#include "ergon/stein/kernel.hpp"

#include <ATen/ATen.h>

namespace ergon::stein {

KernelMatrix kernel_matrix(const Tensor& particles, const Tensor& bandwidth, const Tensor& alive) {
  KernelMatrix k;
  const auto count = particles.size(-2);
  k.points = particles - particles.mean(-2, /*keepdim=*/true);
  k.beta = bandwidth.pow(-2).unsqueeze(-1).unsqueeze(-1);
  const Tensor norm = k.points.pow(2).sum(-1, /*keepdim=*/true);  // (..., M, 1)
  const Tensor product = at::matmul(k.points, k.points.transpose(-1, -2));
  const Tensor off_diagonal = 1 - at::eye(count, particles.options());
  k.squared_distance = (norm + norm.transpose(-1, -2) - 2 * product).clamp_min(0) * off_diagonal;
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
