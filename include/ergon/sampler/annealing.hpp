#pragma once

#include "ergon/core/tensor_io.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// Annealed importance sampling (Neal 2001) and tempered sequential Monte Carlo (Del Moral, Doucet
/// and Jasra 2006), by options.kind: particles from q⁰ follow π_β ∝ q⁰^{1-β} p̄^β from β = 0 to
/// β = 1 with weights that say what q⁰ and p̄ have between them (docs/maths/annealing.md). One step:
///   1. the next β by the ladder: linear, power, or as far as the conditional effective sample size
///      allows;
///   2. log w += (β' - β) log(p̄/q⁰), zero weight where p̄ is zero;
///   3. smc: sets whose effective sample size is below `resample_below` are resampled, and every
///      particle of such a set is given the mean of its weights;
///   4. `moves` Hamiltonian moves that leave π_β' invariant.
/// So at any time log (1/M) Σ w of a set estimates log Z_β, and at β = 1 log Z. ais never
/// resamples.
///
/// Sets are independent, each with a β, step size and masses of its own; one that has arrived is
/// left alone and costs nothing.
///
/// E[(1/M) Σ w] = Z exactly under a linear or power ladder with a fixed step size and unit masses.
/// What is adapted is adapted on the particles themselves: the ladder, the step size (on the
/// acceptance of the move before) and the masses (on the variances at β', weighted for smc, shrunk
/// towards those of the step before) each cost a bias of order 1/M.
///
/// Per particle of a set on its way and step: one log-density with gradient per leapfrog step,
/// between `moves` and `moves` times `leapfrog_steps`; `init` asks for one. The particles' numbers
/// are carried through resampling and never computed again.
class Annealing final : public Sampler {
 public:
  /// `parameters` with initial.mean and initial.log_stddev, q⁰, kept by reference to their storage.
  /// Throws InvalidInput from options.validate().
  Annealing(SamplerOptions options, const NamedTensors& parameters);
  /// `particles` are draws of q⁰. Throws as Sampler::init.
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Once all sets have arrived only the step's number changes. Throws NumericalFailure when every
  /// weight of a set is zero. log_weight is float64 whatever the particles are. Info, NaN for a set
  /// that had arrived: acceptance over particles and moves, step_size of the last,
  /// inverse_temperature β', ess_share before resampling.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;
  bool arrived(const State& state) const override;

 private:
  Tensor next_temperature(const State& state, const Tensor& current, const Tensor& log_ratio) const;
  Tensor reweigh(State& state, const Tensor& current) const;

  SamplerOptions options_;
  InitialDistribution initial_;
};

}  // namespace ergon
