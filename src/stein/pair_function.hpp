#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"
#include "ergon/stein/fixed_support.hpp"

/// The tensor side of pair_sums.hpp on the CPU: the sums over the support with hand-written first
/// derivatives, and for other devices the same composed of tensor operations.
namespace ergon::stein {

/// Support, step size and points with the leading dimensions flattened to one: (S, ...).
struct PairInputs {
  Tensor x;       ///< (S, n, D)
  Tensor points;  ///< (S, M, D)
  Tensor score;   ///< (S, M, D)
  Tensor beta;    ///< (S)
  Tensor step;    ///< (S)
  Tensor alive;   ///< (S, M) or undefined
};

/// Throws InvalidInput, naming `what`, unless shapes, types and mask fit together; an undefined
/// step_size fits.
void require_support(const Support& support,
                     const Tensor& step_size,
                     const Tensor& x,
                     const char* what);

/// Checks as require_support and flattens; an undefined
/// step_size is zero.
PairInputs pair_inputs(const Support& support,
                       const Tensor& step_size,
                       const Tensor& x,
                       const char* what);

enum class PairQuantity { kField, kJacobian, kLogDet, kLogDetLowRank };

/// The field (S, n, D) and, by quantity, nothing, the Jacobian (S, n, D, D) or log|det(I + ε ∇φ)|
/// (S, n). Differentiable in x, points, score, beta and step to every order.
struct PairResult {
  Tensor field;
  Tensor second;
};
PairResult pair_result(const PairInputs& inputs, PairQuantity quantity);

/// The field, the log-determinant and (I + ε ∇φ)^{-1} (S, n, D, D), without a graph.
struct PairInverse {
  Tensor field;
  Tensor log_det;
  Tensor inverse;
};
PairInverse pair_inverse(const PairInputs& inputs);

/// Throws InvalidInput unless every |ε| is finite and at most 1/Lip to rounding, which (22)'s
/// determinants and inverses rest on.
void require_certified(const PairInputs& inputs, const char* what);

/// Live points of the largest set.
std::int64_t support_size(const PairInputs& inputs);

}  // namespace ergon::stein
