#pragma once

#include <cstdint>

#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// N(mode, L Lᵀ): the Gaussian with the target's value and curvature at a mode (Tierney and Kadane
/// 1986).
struct LaplaceFit {
  Tensor mode;   ///< (D)    float64
  Tensor scale;  ///< (D, D) float64, lower triangular L with L Lᵀ = (-∇² log p̄)⁻¹
  double log_density = 0.0;     ///< log p̄ at the mode
  double log_z = 0.0;           ///< log p̄ + (D/2) log 2π + log det L: exact for a Gaussian
  std::int64_t iterations = 0;  ///< Newton steps
};

/// Climbs from `start` (D) to a mode by Newton's method with Levenberg damping: one gradient and
/// one Hessian (D Hessian-vector products) per step and one log-density per trial; ends, with one
/// more step, when half the squared Newton decrement is below 1e-9. In float64. Throws
/// NumericalFailure when log p̄ is not finite at the start, when there is no mode (500 steps do not
/// reach one), or where the curvature is not negative definite there.
LaplaceFit fit_laplace(const LogDensity& target, const Tensor& start);

/// Draws of N(mode, s² L Lᵀ), s = initial-stddev, with their density: the precondition `laplace`
/// does the work, and there is no step to take. One log-density and gradient per particle, besides
/// those of fit_laplace.
class Laplace final : public Sampler {
 public:
  /// Throws InvalidInput from options.validate().
  explicit Laplace(const SamplerOptions& options);
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// A broken promise: a run of `laplace` has no steps.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;
};

}  // namespace ergon
