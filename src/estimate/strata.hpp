#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// Which stratum every draw is in: index 0..S-1, (n) int64, and how many each has, (S) float64.
struct Strata {
  Tensor index;
  Tensor sizes;
};

/// From labels (n) int64, or one stratum where they are undefined.
Strata strata_of(const Tensor& labels, std::int64_t draws);

/// (31): standard errors of the means of the columns of `values`, (n, K) -> (K): √(Σ_s n_s var_s) /
/// n; NaN when a stratum has a single draw.
Tensor stratified_errors(const Tensor& values, const Strata& strata);

}  // namespace ergon
