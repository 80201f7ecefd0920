#pragma once

#include "ergon/core/tensor.hpp"

namespace ergon::stein {

/// Sets of points with their scores and the RBF kernel's bandwidth, what every Stein operator sums
/// over; (...) are independent sets.
///   κ_ij = exp(-‖x_i - x_j‖² / 2σ²),  β = 1/σ²                                                (1)
struct Support {
  Tensor points;  ///< (..., M, D)
  Tensor score;   ///< (..., M, D)  s_j, any finite vectors (as a rule ∇ log p̄ at the points)
  Tensor
      bandwidth;  ///< (...)        σ > 0, or a shape that expands to it. Its sign does not count,
                  ///<              NaN gives NaN, and 0 a kernel that vanishes between points
  Tensor alive;   ///< (..., M)     bool; dropped points take no part. Undefined: none is dropped
};

}  // namespace ergon::stein
