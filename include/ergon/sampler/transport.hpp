#pragma once

#include <memory>

#include "ergon/density/bijection.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// Moves particles through a bijection in one step (--sampler flow): z ~ q⁰ becomes x = T(z) with
///   log q(x) = log q⁰(z) - log|det ∇T(z)|,
/// so that the particles are independent draws of a known density, to be weighted by p̄/q (Rezende
/// and Mohamed 2015). One log-density and gradient per particle, and as many for the initial ones.
class Transport final : public Sampler {
 public:
  /// Throws InvalidInput from options.validate(), and without a map.
  Transport(const SamplerOptions& options, std::shared_ptr<const Bijection> map);
  /// Throws InvalidInput: wrong dimension of particles, map or target. log p̄ may be anything
  /// where the particles start: nothing is concluded from there.
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  /// Draws nothing. Where log p̄ or its gradient is not finite, log p̄ becomes -infinity: a draw of
  /// weight zero. A particle whose x or log q is not finite stays at its z, likewise of weight
  /// zero.
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;

 private:
  std::shared_ptr<const Bijection> map_;
};

}  // namespace ergon
