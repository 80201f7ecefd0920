#pragma once

#include <cstdint>

#include "ergon/sampler/initial.hpp"
#include "ergon/sampler/sampler.hpp"

/// Hamiltonian moves of batches of particles: what hmc, mala and the moves of ais, smc and
/// parallel-tempering share.
namespace ergon {

/// The density that a move leaves invariant: the target itself, or π_β ∝ q⁰^{1-β} p̄^β. A State
/// always holds log p̄ and score of the target; this reads those of π_β off it.
struct TemperedPath {
  const InitialDistribution* initial = nullptr;  ///< q⁰; null: the target itself
  Tensor inverse_temperature{};                  ///< (...)  β

  /// log π_β up to its normaliser, and its gradient, at a state's particles. At β = 0 the target's
  /// numbers are not read, so that those may be infinite.
  LogDensityAndScore read(const State& state) const;
};

/// A leapfrog trajectory (Neal 2011, "MCMC using Hamiltonian dynamics").
struct Dynamics {
  Tensor step_size;     ///< (...)     ε
  Tensor inverse_mass;  ///< (..., D)  diagonal of M⁻¹; momenta are N(0, M). Or dense:
                        ///< (D, D) lower triangular C, C Cᵀ = M⁻¹ of all sets
  std::int64_t leapfrog_steps = 10;  ///< >= 1; 1 is a Metropolis-adjusted Langevin move, h = ε²/2
  MassMatrix mass = MassMatrix::kDiagonal;  ///< what inverse_mass is, diagonal or dense
};

struct HamiltonianMove {
  State state;                 ///< after accept or reject; `step`, `memory` and weights as before
  Tensor acceptance;           ///< (..., M)  probability with which the end point is accepted
  std::int64_t divergent = 0;  ///< energy errors above 1000
  std::int64_t nonfinite = 0;  ///< proposals where log p̄ or its gradient was no number
  Tensor diverged{};           ///< (..., M)  which those are, bool
  Tensor lost{};               ///< (..., M)  and those, bool; undefined where there are none
};

/// One move of every particle with fresh momenta. One gradient per particle and leapfrog step.
HamiltonianMove hamiltonian_move(const LogDensity& target,
                                 const TemperedPath& path,
                                 const State& state,
                                 const Dynamics& dynamics,
                                 Generator& generator);

}  // namespace ergon
