#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"
#include "ergon/stein/fixed_support.hpp"
#include "pair_function.hpp"

/// Exact Frobenius norms of the Jacobians (5) of docs/maths/stein_step.md. Nothing of the size M²
/// or M D² is made; beyond that of the arguments the memory is O(M max(D, 256)) per set.
namespace ergon::stein {

/// How the norms are obtained.
enum class FrobeniusForm {
  kAuto,      ///< the cheaper of the next two, where the second is also exact enough
  kJacobian,  ///< matrices over vector lanes by differences, work M² D² (CPU; elsewhere kComposed)
  kGram,      ///< (8a) in float64, work M³ + M² D; without a Hessian only
  kComposed,  ///< matrices by tensor operations in float64, any device
};

/// ‖A_i‖_F² of the particles `support.points`, (..., M), in their type and without a graph.
/// hessian: (..., M, D, D) or undefined (H = 0). Dropped particles take no part and get 0.
/// kAuto repeats by differences the particles whose terms of (8a) would cancel too far, so that its
/// results agree with float64 to 1e-5 (float32) and 1e-10 (float64) of the larger of the value and
/// the root mean square; kGram alone does not. InvalidInput: shapes and types, a set without live
/// particles, kGram with a Hessian (whose product with A alone is as much work as kJacobian).
Tensor frobenius_squared_exact(const Support& support,
                               const Tensor& hessian,
                               FrobeniusForm form = FrobeniusForm::kAuto);

/// The Hessians with one leading dimension, (S, M, D, D), or undefined; InvalidInput unless they
/// are
/// (..., M, D, D) of the points' type.
Tensor checked_hessian(const Tensor& hessian, const Tensor& points);

namespace internal {

/// By (8a), (S, M) in float64, and whether its rounding error is surely below `tolerance`, (S, M)
/// bool (true for dropped particles, whose norm is 0).
struct GramNorms {
  Tensor squared;
  Tensor exact;
};
GramNorms gram_norms(const PairInputs& inputs, double tolerance);

/// Whether (8a) is the faster form on the CPU for points (..., M, D), `sets` of them, without a
/// Hessian: by far for M = 100 and D = 200, not for M = 10 and D = 6 or M = 4096 and D = 17.
bool gram_is_cheaper(std::int64_t sets, const Tensor& points);

}  // namespace internal
}  // namespace ergon::stein
