#pragma once

#include <cstdint>

#include "ergon/sampler/sampler.hpp"
#include "ergon/stein/fixed_support.hpp"

/// What the samplers share about moving particles.
namespace ergon {

/// A state with log-density and score at the particles; no density of their law, nobody dropped,
/// step 0.
State evaluate(const LogDensity& target, const Tensor& particles);

/// `evaluate`, after the checks that Sampler::init promises.
State initial_state(const LogDensity& target, const Tensor& particles);

/// Where log-density, score and (if tracked) log q are finite, (..., M) bool.
Tensor is_finite(const State& state);

/// Where something is not finite, makes the log-density -infinity and the score zero: a place of
/// density zero. Returns how many there were, those left out whose log-density was -infinity
/// already.
std::int64_t reject_nonfinite(State& state);

/// Undoes the move of every particle that is not finite in `next`. Returns how many of them are
/// trouble: live, at a place of positive density before, and not merely at one of density zero now.
std::int64_t keep_finite(const State& previous, State& next);

/// log q of the survivors' law: truncation leaves q / P(alive), P estimated by the share alive in
/// each set. The state's own log q where nobody can be dropped.
Tensor survivors_log_q(const State& state);

/// The state's particles as the support of a map.
stein::Support support_of(const State& state, const Tensor& bandwidth);

/// `chosen` (..., M) bool takes from `a`, else from `b`: particles, log-density, score, and log q
/// where tracked.
State select(const Tensor& chosen, const State& a, const State& b);

/// √ mean_i ‖v_i‖² over the live particles, (..., M, D) -> (...).
Tensor root_mean_square(const Tensor& vectors, const Tensor& alive);

/// Mean over the live particles, (..., M) -> (...).
Tensor live_mean(const Tensor& values, const Tensor& alive);

}  // namespace ergon
