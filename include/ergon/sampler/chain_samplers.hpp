#pragma once

#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

/// Markov chains of Langevin and Hamiltonian dynamics (docs/maths/chains.md). Every particle is a
/// chain, all of them batched in one tensor; the sets (...) have a step size and a mass of their
/// own. Until end_warmup a step learns from the chains of its set: under the rule `adapted` the
/// step size, by dual averaging on their mean acceptance; with a diagonal mass (any rule) M⁻¹,
/// their variances pooled over windows of growing length. Under the rule `fixed` ε is
/// step-size-value, for ula times its schedule, with the mass as unit. After end_warmup a step
/// leaves p invariant (Ula: to first order in h).
///
/// Steps take no graph. An adapted ε starts with a search by factors of 2 for a median acceptance
/// of 0.9, at the first step and after the first mass: a few gradients per particle more there, one
/// per trial. No gradient is asked for twice at a point. `log_q` stays undefined.
namespace ergon {

/// Unadjusted Langevin: x' = x + h G s(x) + √(2hG) ξ, h the step size, G = M⁻¹; biased at any h >
/// 0. One gradient per particle and step. The generator gives normals (..., M, D).
class Ula final : public Sampler {
 public:
  /// Throws InvalidInput from options.validate(), as the others below.
  explicit Ula(SamplerOptions options);
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Info: step_size h, nonfinite.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;
  State end_warmup(State state) const override;

 private:
  SamplerOptions options_;
};

/// Metropolis-adjusted Langevin (Roberts and Tweedie 1996): Ula's proposal, accepted or rejected;
/// a leapfrog step of ε = √(2h). One gradient per particle and step.
class Mala final : public Sampler {
 public:
  explicit Mala(SamplerOptions options);
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Info: step_size h, acceptance, divergent, nonfinite.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;
  State end_warmup(State state) const override;

 private:
  SamplerOptions options_;
};

/// Hamiltonian Monte Carlo (Neal 2011): one trajectory of L leapfrog steps, L as given or uniform
/// on 1 … L: one draw a step for all chains, the first number of the generator. L gradients per
/// particle.
class Hmc final : public Sampler {
 public:
  explicit Hmc(SamplerOptions options);
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Info: step_size ε, acceptance, divergent, nonfinite.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;
  State end_warmup(State state) const override;

 private:
  SamplerOptions options_;
};

/// The no-U-turn sampler with multinomial weights (Hoffman and Gelman 2014; Betancourt 2017,
/// appendix A, with the turning checks across subtrees). A trajectory doubles until it turns, its
/// energy error exceeds 1000, or tree-depth is reached. All chains double in lockstep; gradients
/// are asked for where a chain still grows alone: one per point of its trajectory besides the
/// start. The generator gives normals (..., M, D); then for every doubling while some chain grows,
/// over all N chains in row-major order: N uniforms for the directions, uniforms (points, N) for
/// the draw within the subtree (64 points at a time), N for the draw between tree and subtree.
class Nuts final : public Sampler {
 public:
  explicit Nuts(SamplerOptions options);
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Info: step_size ε; tree_depth, completed doublings; acceptance, mean over the trajectory's
  /// points of min(1, exp(H(start) - H)); divergent, nonfinite.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;
  State end_warmup(State state) const override;

 private:
  SamplerOptions options_;
};

}  // namespace ergon
