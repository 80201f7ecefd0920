#pragma once

#include <memory>

#include "ergon/core/tensor_io.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// Stein variational gradient descent without a density (Liu and Wang 2016):
///   x_i ← x_i + ε φ_i,  φ_i = (1/M) Σ_j [ κ_ij s_j + ∇_{x_j} κ_ij ].
/// One gradient evaluation per particle and step. `log_q` stays undefined.
class Svgd final : public Sampler {
 public:
  /// Throws InvalidInput from options.validate().
  explicit Svgd(SamplerOptions options);
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;

 private:
  SamplerOptions options_;
};

/// MET-SVGD: SVGD read as an invertible map, with the density of its particles carried along
/// (docs/maths/stein_step.md). P-SVGD is one of its configurations. Per particle and step: one
/// gradient and one log-density (two with Metropolis-Hastings in both directions), and
/// Hessian-vector products: D for the whole Hessian (exact trace, block and joint density, and
/// again for the exact norm of a bound where the density did not need it); `probes` for the
/// Hutchinson trace of the first-order density; the bound's `probes` for a Hutchinson norm, up to
/// twice that for a power iteration; none with --hessian off.
class MetSvgd final : public Sampler {
 public:
  /// `parameters` as checked by check_parameters; kept by reference to their storage, so that a fit
  /// moves them.
  MetSvgd(SamplerOptions options, NamedTensors parameters);
  State init(const LogDensity& target, const Tensor& particles, const Tensor& log_q) const override;
  Transition step(const LogDensity& target, const State& state, Generator generator) const override;

 private:
  SamplerOptions options_;
  NamedTensors parameters_;
};

}  // namespace ergon
