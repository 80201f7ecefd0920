#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"
#include "ergon/stein/support.hpp"

namespace ergon::testing {

/// A random set of particles with scores and symmetric Hessians that belong to no particular
/// target: the operators are identities in all three. float64.
struct RandomStep {
  Tensor particles;  ///< (..., M, D)
  Tensor score;      ///< (..., M, D)
  Tensor hessian;    ///< (..., M, D, D), symmetric
  Tensor bandwidth;  ///< (...)
  stein::Support support() const { return {particles, score, bandwidth, {}}; }
};

/// batch = 0: no leading dimension.
RandomStep random_step(std::int64_t batch,
                       std::int64_t particles,
                       std::int64_t dim,
                       std::uint64_t seed);

}  // namespace ergon::testing
