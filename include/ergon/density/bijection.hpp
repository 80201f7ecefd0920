#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// Points and the log-determinant of the map that led to them.
struct Mapped {
  Tensor points;   ///< (..., n, D)
  Tensor log_det;  ///< (..., n)  log|det| of that map's Jacobian at the points it started from
};

/// A diffeomorphism of R^D: value and log-determinant in one call. inverse(forward(x)) gives x
/// back, with the log-determinant's negative.
class Bijection {
 public:
  virtual ~Bijection() = default;
  /// D.
  virtual std::int64_t dim() const = 0;
  /// y = T(x) and log|det ∇T(x)|, (..., n, D).
  virtual Mapped forward(const Tensor& x) const = 0;
  /// x = T⁻¹(y) and log|det ∇T⁻¹(y)|.
  virtual Mapped inverse(const Tensor& y) const = 0;
};

}  // namespace ergon
