#pragma once

#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// Metropolis-Hastings with Stein moves that is exact at every M and ε (docs/maths/stein_mh.md):
/// the particles are split in halves A and B; with B held fixed, T_B(x) = x + ε φ_B(x) under the
/// certified bound is a diffeomorphism, so that x ∈ A proposes
///   r = +1: y = T_B(x),     accepted with min(1, p̄(y) |det ∇T_B(x)| / p̄(x)),
///   r = -1: y = T_B^{-1}(x), accepted with min(1, p̄(y) / (p̄(x) |det ∇T_B(y)|)),
/// r = ±1 with probability ½ each, independently per particle; then the halves change roles. The
/// law p^{⊗M} is left invariant. These moves alone reach few states; the option `refresh` has a
/// Metropolis-adjusted Langevin move of every particle follow, which makes the chain irreducible.
/// The bandwidth is a rule of B alone.
///
/// One step updates every particle once, with a refresh twice, without a graph. Per particle and
/// update: one log-density with its gradient, at the proposal. `log_q` stays undefined. The
/// generator gives, in this order and (..., M) each: the partition (random halves only), r, the
/// uniforms of the acceptance; for a refresh then normals (..., M, D) and uniforms.
class SteinMh final : public Sampler {
 public:
  /// Throws InvalidInput from options.validate().
  explicit SteinMh(SamplerOptions options);
  /// As Sampler::init; also throws InvalidInput for fewer than 4 particles in a set, or than 6
  /// under the bandwidth rules median and mmd, which need three particles in the half they read.
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Info: acceptance is the mean over particles; acceptance_forward and acceptance_inverse by r
  /// (NaN in a set without such a move); swap_share the share of particles that are not in the half
  /// of their index; acceptance_refresh the mean of the random moves; step_size, step_bound and
  /// bandwidth the means of the two maps; velocity_norm from ‖y - x‖/ε of all proposals.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;

 private:
  SamplerOptions options_;
};

}  // namespace ergon
