#pragma once

#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <optional>

#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"
#include "hamiltonian.hpp"

/// The moves that ais, smc and parallel tempering make at given temperatures.
namespace ergon {

/// Sets of particles at a temperature each, with the scale of their moves.
struct TemperedParticles {
  State state;           ///< (..., M, D)
  TemperedPath path;     ///< β (...)
  Tensor log_step_size;  ///< (...) float64
  Tensor inverse_mass;   ///< (..., D) float64, or (D, D) under dense masses
  double gain = 0.0;     ///< of the step size's adaptation (77), where the options adapt it
  std::optional<std::int64_t> pilot{};  ///< index of the last of the sets, whose acceptance alone
                                        ///< adapts all step sizes and which is not counted
};

struct MoveReport {
  Tensor acceptance;           ///< (...)  mean over particles and moves, the pilot's too
  Tensor step_size;            ///< (...)  ε of the last move
  std::int64_t divergent = 0;  ///< trajectories of all moves, the pilot's left out
  std::int64_t nonfinite = 0;  ///< particles, of the move with the most, the pilot's left out
};

/// log ε of the options, for sets of leading shape `sets`, float64.
Tensor starting_log_step_size(const SamplerOptions& options, c10::IntArrayRef sets);

/// The variances of q⁰, or ones where the options have no masses, (sets..., D) float64; under dense
/// masses on the diagonal of a matrix (D, D).
Tensor starting_inverse_mass(const SamplerOptions& options,
                             const InitialDistribution& initial,
                             c10::IntArrayRef sets);

/// `moves` Hamiltonian moves of every particle, each of as many leapfrog steps as the path length
/// says, a number drawn for all at once. The step size adapts after every move.
MoveReport tempered_moves(const LogDensity& target,
                          const SamplerOptions& options,
                          TemperedParticles& particles,
                          Generator& generator);

}  // namespace ergon
