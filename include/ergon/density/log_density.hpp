#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// A log-density and its gradient at the same points.
struct LogDensityAndScore {
  Tensor log_density;  ///< (..., n)     log p̄(x)
  Tensor score;        ///< (..., n, D)  ∇ log p̄(x)
};

/// A density on R^D known up to its normaliser: the one thing a sampler, an estimator or a training
/// loop asks of a model. Derive from it and write two functions; override the others where a closed
/// form is cheaper.
///
/// Points are (..., n, D); rows are independent. As with any tensor operation, results carry a
/// graph when gradient mode is on and an input requires a gradient, and none otherwise. Closed
/// forms of the score must be differentiable tensor expressions.
class LogDensity {
 public:
  virtual ~LogDensity() = default;

  /// D, the dimension of a point.
  virtual std::int64_t dim() const = 0;

  /// log p̄(x), (..., n, D) -> (..., n). Where the density is zero: -infinity.
  virtual Tensor log_density(const Tensor& x) const = 0;

  /// log p̄(x) and its gradient in one pass. Default: automatic differentiation of log_density.
  virtual LogDensityAndScore log_density_and_score(const Tensor& x) const;

  /// ∇² log p̄(x) v, with one vector per point: (..., n, D) x (..., n, D) -> (..., n, D). Default: a
  /// second differentiation.
  virtual Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const;

  /// ∇² log p̄(x): (..., n, D) -> (..., n, D, D). Default: D Hessian-vector products.
  virtual Tensor hessian(const Tensor& x) const;

  /// -log p̄(x), for people who think in energies.
  Tensor energy(const Tensor& x) const { return -log_density(x); }
};

}  // namespace ergon
