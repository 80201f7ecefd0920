#pragma once

#include <cstdint>

#include "ergon/sampler/sampler.hpp"

/// What the samplers share about moving particles.
namespace ergon {

/// A state with log-density and score at the particles; no density of their law, nobody dropped,
/// step 0.
State evaluate(const LogDensity& target, const Tensor& particles);

/// `evaluate`, after the checks that Sampler::init promises.
State initial_state(const LogDensity& target, const Tensor& particles);

/// Undoes the move of every particle whose log-density or score is not finite in `next`, and
/// returns how many there were.
std::int64_t keep_finite(const State& previous, State& next);

/// `chosen` (..., M) bool takes from `a`, else from `b`: particles, log-density, score, and log q
/// where tracked.
State select(const Tensor& chosen, const State& a, const State& b);

/// √ mean_i ‖v_i‖² over the live particles, (..., M, D) -> (...).
Tensor root_mean_square(const Tensor& vectors, const Tensor& alive);

/// Mean over the live particles, (..., M) -> (...).
Tensor live_mean(const Tensor& values, const Tensor& alive);

}  // namespace ergon
