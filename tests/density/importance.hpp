#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "ergon/core/random.hpp"
#include "ergon/density/log_density.hpp"

namespace ergon::testing {

struct LogNormaliser {
  double value;
  double standard_error;
};

/// The mode (1, D) of a log-concave density: Newton's method with halved steps, from `start` (1,
/// D).
inline Tensor find_mode(const LogDensity& density, Tensor start) {
  for (int iteration = 0; iteration < 60; ++iteration) {
    const auto here = density.log_density_and_score(start);
    Tensor step =
        at::cholesky_solve(here.score.unsqueeze(-1), at::linalg_cholesky(-density.hessian(start)))
            .squeeze(-1);
    if (step.abs().max().item<double>() < 1e-9) break;
    while (density.log_density(start + step).item<double>() <
           here.log_density.item<double>() - 1e-9)
      step = 0.5 * step;
    start = start + step;
  }
  return start;
}

/// log p̄ of many points, a slice at a time: posteriors hold one number per point and row of data.
inline Tensor in_slices(const LogDensity& density, const Tensor& x) {
  std::vector<Tensor> slices;
  for (const Tensor& slice : x.split(1000)) slices.push_back(density.log_density(slice));
  return at::cat(slices);
}

/// log ∫ p̄ by importance sampling from a Student-t with 8 degrees of freedom at the mode of a
/// log-concave density, with the inverse Hessian's shape.
inline LogNormaliser laplace_importance(const LogDensity& density,
                                        std::int64_t draws,
                                        Generator generator) {
  constexpr int kFreedom = 8;
  const auto d = static_cast<double>(density.dim());
  const Tensor mode = find_mode(density, at::zeros({1, density.dim()}, at::kDouble));
  const Tensor precision_root = at::linalg_cholesky(-density.hessian(mode)[0]);  // L Lᵀ = -Hessian
  const Tensor normal =
      draw::normal_like(at::empty({draws, density.dim()}, at::kDouble), generator);
  const Tensor chi = draw::normal_like(at::empty({draws, kFreedom}, at::kDouble), generator)
                         .square()
                         .sum(-1, true);
  const Tensor student = normal / (chi / kFreedom).sqrt();
  const Tensor offset =
      at::linalg_solve_triangular(precision_root.t(), student.t(), /*upper=*/true).t();  // L⁻ᵀ t
  const double log_norm = std::lgamma(0.5 * (kFreedom + d)) - std::lgamma(0.5 * kFreedom) -
                          0.5 * d * std::log(kFreedom * M_PI) +
                          precision_root.diagonal().log().sum().item<double>();
  const Tensor log_q =
      log_norm - 0.5 * (kFreedom + d) * (student.square().sum(-1) / kFreedom).log1p();
  const Tensor log_weight = in_slices(density, mode + offset) - log_q;
  const double peak = log_weight.max().item<double>();
  const Tensor weight = (log_weight - peak).exp();
  const double mean = weight.mean().item<double>();
  const double error = weight.std().item<double>() / std::sqrt(static_cast<double>(draws)) / mean;
  return {peak + std::log(mean), error};
}

}  // namespace ergon::testing
