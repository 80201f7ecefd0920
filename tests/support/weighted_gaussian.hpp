#pragma once

#include <ATen/ATen.h>

#include <cmath>

#include "ergon/core/random.hpp"
#include "ergon/estimate/importance.hpp"

namespace ergon::testing {

/// Target exp(-‖x‖²/2) in R^D and proposal N(0, stddev² I), with the exact answers.
struct WeightedGaussian {
  std::int64_t dim = 1;
  double stddev = 1.0;

  double log_z() const { return 0.5 * static_cast<double>(dim) * std::log(2 * M_PI); }
  double entropy() const { return log_z() + 0.5 * static_cast<double>(dim); }
  /// E_q[log w] = log Z - KL(q | p)
  double elbo() const {
    return log_z() + static_cast<double>(dim) * (std::log(stddev) + 0.5 - 0.5 * stddev * stddev);
  }
  /// E_p[log w] = log Z + KL(p | q)
  double eubo() const {
    return log_z() + static_cast<double>(dim) * (std::log(stddev) - 0.5 + 0.5 / (stddev * stddev));
  }
  /// log w at points whose coordinates are those of x, (n, D) -> (n)
  Tensor log_weight(const Tensor& x) const {
    return -0.5 * x.square().sum(1) + 0.5 * (x / stddev).square().sum(1) +
           static_cast<double>(dim) * std::log(stddev) + log_z();
  }
  WeightedDraws draw(std::int64_t count, Generator generator) const {
    const Tensor x = stddev * draw::normal_like(at::empty({count, dim}, at::kDouble), generator);
    return {log_weight(x), -0.5 * x.square().sum(1), {}};
  }
};

}  // namespace ergon::testing
