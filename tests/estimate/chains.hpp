#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "ergon/core/random.hpp"

namespace ergon::testing {

inline Tensor normal(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return draw::normal_like(at::empty(shape, at::kDouble), Seed(seed).generator());
}

/// Stationary AR(1) chains with unit variance, (chains, n, 1).
inline Tensor autoregressive(std::int64_t chains, std::int64_t n, double rho, std::uint64_t seed) {
  const Tensor noise = normal({chains, n}, seed);
  Tensor x = at::empty_like(noise);
  x.select(1, 0).copy_(noise.select(1, 0));
  for (std::int64_t t = 1; t < n; ++t)
    x.select(1, t).copy_(rho * x.select(1, t - 1) + std::sqrt(1 - rho * rho) * noise.select(1, t));
  return x.unsqueeze(2);
}

/// Four chains of 101 draws from u = frac(43758.5453 sin(12.9898 (t + 1) + 78.233 (c + 1))), c and
/// t from 0: x ← 0.6 x + u - ½ from 0; tan(π (u - ½)) + 0.3 c; ⌊5 u⌋, which is full of ties.
inline Tensor reference_chains() {
  Tensor draws = at::empty({4, 101, 3}, at::kDouble);
  auto x = draws.accessor<double, 3>();
  for (int c = 0; c < 4; ++c) {
    double previous = 0;
    for (int t = 0; t < 101; ++t) {
      const double s = std::sin(12.9898 * (t + 1) + 78.233 * (c + 1)) * 43758.5453;
      const double u = s - std::floor(s);
      previous = 0.6 * previous + u - 0.5;
      x[c][t][0] = previous;
      x[c][t][1] = std::tan(M_PI * (u - 0.5)) + 0.3 * c;
      x[c][t][2] = std::floor(5 * u);
    }
  }
  return draws;
}

}  // namespace ergon::testing
