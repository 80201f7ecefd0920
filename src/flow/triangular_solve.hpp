#pragma once

#include <cstdint>
#include <memory>

#include "ergon/flow/masked_network.hpp"

namespace ergon::internal {

/// J = ∂f(x; θ(x))/∂x of an autoregressive map at points (..., n, D), lower triangular:
/// J_ii = f'_i, J_ji = ∂f_j/∂θ_j · ∂θ_j/∂x_i for i < j. Everything without a graph.
struct TriangularJacobian {
  std::shared_ptr<const MaskedNetwork::Linearised> network;
  Tensor derivative;  ///< (..., n, D)     f'
  Tensor by_theta;    ///< (..., n, D, K)  ∂f/∂θ

  /// s with J s = v.
  Tensor solve(const Tensor& v) const;
  /// u with Jᵀ u = v + Σ_j extra_j · ∂θ_j/∂x; extra (..., n, D, K), undefined: zero.
  Tensor solve_transposed(const Tensor& v, const Tensor& extra = {}) const;
};

/// The linear map J⁻¹ with a constant J, for a residual that is zero up to rounding: its value is
/// exactly zero, its derivatives are those of J⁻¹. Derivatives beyond the stated order throw
/// InvalidInput.
class ChordStep {
 public:
  ChordStep(TriangularJacobian jacobian, std::int64_t order);
  Tensor operator()(const Tensor& residual) const;

 private:
  std::shared_ptr<const TriangularJacobian> jacobian_;
  std::int64_t order_;
};

}  // namespace ergon::internal
