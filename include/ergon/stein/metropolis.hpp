#pragma once

#include "ergon/core/tensor.hpp"

/// Metropolis-Hastings control of a Stein step as published: x̃ = x + r ε φ(x), r = +1 or -1. All
/// arguments (..., M).
namespace ergon::stein {

/// log α = min(0, log p̄(x̃) - log p̄(x) + log_det), log_det = r ε tr A to first order. A proposal
/// that is not finite is rejected: -inf. (17)
Tensor log_acceptance(const Tensor& proposed_log_density,
                      const Tensor& log_density,
                      const Tensor& log_det);

/// log( α q |det|^{-1} + (1-α) q ), with 1e-8 added to 1-α as published. (18)
Tensor mixed_log_density(const Tensor& log_q, const Tensor& log_acceptance, const Tensor& log_det);

}  // namespace ergon::stein
