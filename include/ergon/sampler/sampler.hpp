#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/tensor_io.hpp"
#include "ergon/density/log_density.hpp"

namespace ergon {

/// What the next step would otherwise have to compute again. (...) are independent sets of
/// particles.
struct State {
  Tensor particles;    ///< (..., M, D)
  Tensor log_density;  ///< (..., M)     log p̄ at the particles
  Tensor score;        ///< (..., M, D)  ∇ log p̄ at the particles
  Tensor log_q;  ///< (..., M)     log-density of the particles' own law; undefined when the sampler
                 ///< tracks none.
                 ///<              Under the joint density only its mean over a set has a meaning:
                 ///<              log q(X)/M
  Tensor alive;  ///< (..., M)     bool, false for a particle dropped by truncation; undefined when
                 ///< none can be
  Tensor log_weight;  ///< (..., M)     log w with (1/M) Σ w an estimate of Z at the end of a path
                      ///< of densities; undefined when the sampler weighs none
  NamedTensors memory;  ///< what else the sampler needs and nobody else reads: step sizes, masses,
                        ///< replicas. Same names and shapes after every step
  std::int64_t step = 0;  ///< steps taken
};

/// What a person or a diagnostic wants to know about a step; the next step never reads it.
/// Undefined where it does not apply.
struct Info {
  Tensor step_size;       ///< (...)  ε taken
  Tensor step_bound;      ///< (...)  its bound
  Tensor bandwidth;       ///< (...)  σ
  Tensor stein_residual;  ///< (...)  mean_i [ φ(x_i)ᵀ s_i + tr A_i ] before the step, zero in
                          ///< expectation at p
  Tensor velocity_norm;   ///< (...)  root mean square of φ over the particles
  Tensor acceptance;      ///< (...)  mean acceptance probability of Metropolis-Hastings
  Tensor
      inverse_temperature;  ///< (...)  β of the density the particles were moved under (ais, smc)
  Tensor ess_share;         ///< (...)  effective sample size of the weights before resampling, as
                            ///< a share of M (ais, smc)
  Tensor swap_acceptance;   ///< (...)  mean over neighbouring replicas (parallel-tempering)
  Tensor tree_depth;        ///< (...)  mean number of doublings (nuts)
  std::int64_t divergent = 0;  ///< trajectories whose energy error exceeded 1000 (hmc, nuts and the
                               ///< moves of others)
  Tensor acceptance_forward;   ///< (...)  of the moves x + εφ(x) alone (stein-mh)
  Tensor acceptance_inverse;   ///< (...)  of the inverse moves alone (stein-mh)
  Tensor acceptance_refresh;   ///< (...)  of the random moves that follow (stein-mh)
  Tensor swap_share;  ///< (...)  share of particles that are not in the half of their index
                      ///< (stein-mh): ½ on average for random halves, 0 for fixed ones
  std::int64_t noninvertible = 0;  ///< log-determinants (block, joint) of maps that are not
                                   ///< invertible, or whose power series did not converge
  std::int64_t nonfinite =
      0;  ///< particles whose move was undone since log p̄ or its gradient was not finite there
};

struct Transition {
  State state;
  Info info;
};

/// An immutable rule that moves particles. Loops, stopping, saving and counting live outside.
class Sampler {
 public:
  virtual ~Sampler() = default;

  /// Evaluates the target at the initial particles (..., M, D); `log_q` (..., M) is their
  /// log-density under q⁰, ignored by a sampler that tracks none. Throws InvalidInput: wrong
  /// dimension, fewer than two particles, log p̄ not finite at more than half of them.
  virtual State init(const LogDensity& target,
                     const Tensor& particles,
                     const Tensor& log_q) const = 0;

  /// One step. Draws from `generator` alone. Differentiable in the particles and the sampler's
  /// parameters where gradient mode is on.
  virtual Transition step(const LogDensity& target,
                          const State& state,
                          Generator generator) const = 0;

  /// The state from which draws are kept: what was adapted to the target is held fixed from here
  /// on. Called once, when the warm-up is over.
  virtual State end_warmup(State state) const { return state; }

  /// Whether the particles have arrived and no further step is to be taken (ais, smc at β = 1).
  virtual bool arrived(const State& /*state*/) const { return false; }
};

}  // namespace ergon
