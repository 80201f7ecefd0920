#pragma once

#include <cstdint>

#include "ergon/core/tensor.hpp"

/// Bandwidth heuristics: σ from the squared distances r² of all M² ordered pairs, the M zeros of
/// the diagonal included, as published: (14) of docs/maths/stein_step.md. particles (..., M, D),
/// alive (..., M) or undefined (dropped particles do not count, whatever they hold); returns (...).
/// NaN for a set that is empty or not finite; at least 1e-6. Not differentiated. Memory O(M D) and
/// a constant. Throws InvalidInput when the shapes do not fit.
namespace ergon::stein {

/// Medians are exact up to this many (live) particles, 130,816 pairs. Above, they are those of
/// about kMedianPairs pairs that a fixed rule chooses: the rank of the result among all pairs is
/// off by about 0.5/√kMedianPairs = 0.14 % of their number (standard deviation).
inline constexpr std::int64_t kExactMedianParticles = 512;
inline constexpr std::int64_t kMedianPairs = 131072;

/// σ² = median(r²) / (2 log(M+1)), the lower of two middle values. (14)
Tensor median_bandwidth(const Tensor& particles, const Tensor& alive = {});
/// σ² = mean(r²) / (2 log(M+1)); mean(r²) = 2 (mean ‖x‖² - ‖mean x‖²), in float64.
Tensor mean_bandwidth(const Tensor& particles, const Tensor& alive = {});
/// σ² = mean(r²) / (4 log(M+1)), S2AC's.
Tensor fourth_bandwidth(const Tensor& particles, const Tensor& alive = {});
/// σ = 0.1 · median(r).
Tensor mmd_bandwidth(const Tensor& particles, const Tensor& alive = {});

}  // namespace ergon::stein
