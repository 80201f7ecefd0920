#pragma once

#include "ergon/core/tensor_io.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"
#include "hamiltonian.hpp"

/// What chains learn about their target while they warm up (docs/maths/chains.md). Tensors are
/// float64 whatever the particles are, and never written in place: states share them.
namespace ergon {

/// Dual averaging of log ε (Hoffman and Gelman 2014, section 3.2), one per entry of (...), with
/// γ = 0.2, t₀ = 10, κ = 0.75.
struct DualAveraging {
  Tensor log_step;     ///< (...)  log ε to take next
  Tensor log_average;  ///< (...)  log ε̄, kept at the end
  Tensor centre;       ///< (...)  μ, towards which log ε is drawn
  Tensor error;        ///< (...)  H̄, average of target less acceptance
  Tensor count;        ///< (...)  t, updates so far

  /// From a reasonable ε (...): μ = log ε.
  static DualAveraging from(const Tensor& step_size);
  /// The five numbers as a tensor (..., 5), and back.
  static DualAveraging unpack(const Tensor& packed);
  Tensor pack() const;
  /// One update from acceptance probabilities (...); NaN counts as 0.
  void update(const Tensor& acceptance, double target);
  /// Goes on from ε̄ as if after a few updates: for a mass that has changed a little.
  void continue_from_average();
};

/// Means and summed squared deviations of batches of points, pooled (Chan, Golub and LeVeque 1983).
struct PooledMoments {
  double count = 0;
  Tensor mean;     ///< (..., D)
  Tensor squares;  ///< (..., D)  Σ (x - mean)²

  /// Adds points (..., M, D).
  void add(const Tensor& points);
  /// The variances, shrunk to `previous` (..., D) in the logarithm as if by 5 draws of it; that
  /// itself where nothing varied.
  Tensor variance(const Tensor& previous) const;
};

/// The step size nearest below or above `start` (...) by factors of 2 at which the median
/// acceptance of one leapfrog step crosses 0.9, per set. Each trial asks for one gradient per
/// particle of the sets still searching.
Tensor reasonable_step_size(const LogDensity& target,
                            const State& state,
                            const Tensor& inverse_mass,
                            const Tensor& start,
                            Generator& generator);

/// The memory of a chain sampler at its first state: names starting with "tuning.".
NamedTensors start_tuning(const SamplerOptions& options, const State& state);

/// ε and M⁻¹ of the next step, in the particles' type; leapfrog_steps is 1. Where an adapted ε is
/// to be searched for (first step, first mass) that is done, and noted in the memory.
Dynamics tuned_dynamics(const SamplerOptions& options,
                        const LogDensity& target,
                        const State& state,
                        NamedTensors& memory,
                        Generator& generator);

/// Learns from the particles and acceptance probabilities (...) after a step, until stop_tuning.
/// `acceptance` is read by the rule `adapted` alone.
void learn_tuning(const SamplerOptions& options,
                  NamedTensors& memory,
                  const Tensor& particles,
                  const Tensor& acceptance);

/// Holds ε̄ and the mass from here on. Where a search for ε was due at the next step, ε is what that
/// finds.
void stop_tuning(NamedTensors& memory);

}  // namespace ergon
