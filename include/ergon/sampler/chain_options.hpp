#pragma once

#include <cstdint>

#include "ergon/core/enum_names.hpp"

/// Options of Markov chain and annealing samplers; free of tensors.
namespace ergon {

enum class MassMatrix { kIdentity, kDiagonal, kDense };
enum class PathLength { kFixed, kUniform };

/// Moves of Langevin and Hamiltonian dynamics. The step size itself is StepSizeOptions: `fixed`, or
/// `adapted` from `step-size-value` to the acceptance below: by dual averaging (Hoffman and Gelman
/// 2014, section 3.2) over the chains of a set while they warm up; parallel-tempering by Robbins
/// and Monro's (1951) steps in log ε while it warms up; ais and smc by such steps of constant gain
/// all along the path, on a pilot set. It is h in x + h s + √(2h) ξ for ula and mala, and the
/// leapfrog's ε elsewhere.
struct ChainOptions {
  double warmup = 0.5;  ///< share of the steps (or evaluations) that adapts and is then left out,
                        ///< in [0, 1)
  double target_acceptance = 0.8;  ///< mean acceptance probability that `adapted` aims at, (0, 1)
  MassMatrix mass = MassMatrix::kDiagonal;  ///< M; diagonal: the inverse of the variances of a
                                            ///< set's particles, learned on the way; dense (ais,
                                            ///< smc): of their covariance
  std::int64_t leapfrog_steps = 10;         ///< of a trajectory; 1 makes hmc a Langevin move, >= 1
  PathLength path_length =
      PathLength::kUniform;      ///< uniform: a number between 1 and leapfrog-steps for every step,
                                 ///< which keeps trajectories from closing on themselves
  std::int64_t tree_depth = 10;  ///< nuts: most doublings, 1 … 20
  std::int64_t draws = 1000;     ///< kept of every chain, about this many up to twice it, >= 4
};

enum class TemperatureLadder { kAdaptive, kLinear, kPower };

/// The path π_β ∝ q⁰^{1-β} p̄^β from q⁰ (β = 0) to the target (β = 1).
struct TemperingOptions {
  TemperatureLadder ladder =
      TemperatureLadder::kAdaptive;  ///< ais, smc: how β grows; linear and power: over `steps`
  double power = 3.0;                ///< power: β_l = (l/L)^power, > 0
  double conditional_ess = 0.9;      ///< adaptive: share of the particles that the conditional
                                     ///< effective sample size keeps from one β to the next (Zhou,
                                     ///< Johansen and Aston 2016), (0, 1)
  double resample_below =
      0.5;  ///< smc, and the pilot of ais: resample (systematic) when the effective sample size of
            ///< the weights falls below this share of the particles, (0, 1]
  std::int64_t moves = 1;     ///< ais, smc: moves at every β; parallel-tempering: between swaps
  std::int64_t replicas = 8;  ///< parallel-tempering: number of β, 0 and 1 among them, >= 2
};

// clang-format off
template <> struct EnumNames<MassMatrix> { static const std::vector<EnumName<MassMatrix>>& all(); };
template <> struct EnumNames<PathLength> { static const std::vector<EnumName<PathLength>>& all(); };
template <> struct EnumNames<TemperatureLadder> { static const std::vector<EnumName<TemperatureLadder>>& all(); };
// clang-format on

}  // namespace ergon
