#pragma once

#include "ergon/core/tensor.hpp"

/// Bandwidth heuristics: σ from the squared distances r² of all M² ordered pairs, the M zeros of
/// the diagonal included, as published. particles (..., M, D), alive (..., M) or undefined (dropped
/// particles do not count); returns (...). Not differentiated.
namespace ergon::stein {

/// σ² = median(r²) / (2 log(M+1)), the lower of two middle values. (14)
Tensor median_bandwidth(const Tensor& particles, const Tensor& alive = {});
/// σ² = mean(r²) / (2 log(M+1)).
Tensor mean_bandwidth(const Tensor& particles, const Tensor& alive = {});
/// σ² = mean(r²) / (4 log(M+1)), S2AC's.
Tensor fourth_bandwidth(const Tensor& particles, const Tensor& alive = {});
/// σ = 0.1 · median(r).
Tensor mmd_bandwidth(const Tensor& particles, const Tensor& alive = {});

}  // namespace ergon::stein
