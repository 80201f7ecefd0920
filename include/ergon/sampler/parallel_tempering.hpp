#pragma once

#include "ergon/core/tensor_io.hpp"
#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// Non-reversible parallel tempering (Syed, Bouchard-Côté, Deligiannidis and Doucet 2022): every
/// particle is the coldest of K replicas at 0 = β_0 < … < β_{K-1} = 1 of π_β ∝ q⁰^{1-β} p̄^β
/// (docs/maths/annealing.md). One step:
///   1. before even swaps, replica 0 is drawn afresh from q⁰;
///   2. replicas 1 … K-1 make `moves` Hamiltonian moves, all in one batch;
///   3. neighbours k, k+1 swap, k even in even steps and odd in odd ones: a deterministic
///      alternation, under which a state travels the ladder in O(K) steps instead of O(K²).
/// Invariant: the product of all π_β, chain by chain; so p for the particles.
///
/// Until end_warmup, and never after: step sizes adapt to `target_acceptance` (rule `adapted`) for
/// each set and replica, and at the end of rounds of 20, 40, 80, … steps the masses are set from
/// the replicas' variances and the ladder is moved to where all neighbours reject equally often.
/// From end_warmup on, averages for log Z are kept. The ladder starts at β_k = (k/(K-1))^power.
///
/// Per chain and step: one log-density with gradient per leapfrog step and replica but the first,
/// between `moves` (K-1) and `moves` (K-1) `leapfrog_steps`, and one more in even steps; `init`
/// asks for one per chain and starts all its replicas there.
class ParallelTempering final : public Sampler {
 public:
  /// `parameters` with initial.mean and initial.log_stddev, q⁰, kept by reference to their storage.
  /// Throws InvalidInput from options.validate().
  ParallelTempering(SamplerOptions options, const NamedTensors& parameters);
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Info: acceptance and step_size of the coldest replica; swap_acceptance over chains and the
  /// pairs whose turn it was (NaN where none was, odd steps of K = 2); nonfinite as a mean over
  /// replicas.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;
  State end_warmup(State state) const override;

 private:
  SamplerOptions options_;
  InitialDistribution initial_;
};

/// log Z of each set by stepping stones (Xie et al. 2011) over the steps since end_warmup:
///   Σ_k log mean exp((β_{k+1} - β_k) log p̄/q⁰) at replica k, over steps and chains.   (...)
/// Consistent; the error of a single set is told by the spread of several. Throws InvalidInput for
/// a state of another sampler, or without a step since end_warmup.
Tensor stepping_stone_log_z(const State& state);

/// The inverse temperatures β_0 … β_{K-1} of each set, (..., K) float64. Throws InvalidInput for a
/// state of another sampler.
Tensor temperature_ladder(const State& state);

}  // namespace ergon
