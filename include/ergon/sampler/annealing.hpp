#pragma once

#include <cstdint>

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
/// What is adapted (an adaptive ladder, the step size, the masses) is adapted on a pilot set: M
/// further particles of the same law, drawn in the first step, moved and resampled along with the
/// others and left out of every estimate. All sets follow its schedule, in lockstep. Given the
/// pilot their path and moves are fixed, so that E[(1/M) Σ w] = Z exactly for every set, whatever
/// is adapted; the sets are independent given the pilot. Where nothing is adapted there is none.
///
/// Per particle, the pilot's included, and step: one log-density with gradient per leapfrog step,
/// between `moves` and `moves` times `leapfrog_steps`; `init` asks for one, as does the first step
/// for the pilot. The particles' numbers are carried through resampling and never computed again.
class Annealing final : public Sampler {
 public:
  /// `parameters` with initial.mean and initial.log_stddev, q⁰, kept by reference to their storage.
  /// Throws InvalidInput from options.validate().
  Annealing(SamplerOptions options, const NamedTensors& parameters);
  /// `particles` are draws of q⁰. Throws as Sampler::init.
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Once the sets have arrived only the step's number changes. Throws NumericalFailure when every
  /// weight of a set is zero; a pilot without weight counts its particles alike and goes on.
  /// log_weight is float64 whatever the particles are. Info, of all sets but the pilot: acceptance
  /// over particles and moves, step_size of the last, inverse_temperature β', ess_share before
  /// resampling.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;
  bool arrived(const State& state) const override;

 private:
  Tensor next_temperature(const State& all,
                          const Tensor& current,
                          const Tensor& log_ratio,
                          std::int64_t step) const;
  Tensor reweigh(State& all, const Tensor& current, std::int64_t step) const;

  SamplerOptions options_;
  InitialDistribution initial_;
};

}  // namespace ergon
