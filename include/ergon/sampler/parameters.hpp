#pragma once

#include <cstdint>
#include <optional>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/affine.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// Everything a sampler can learn, at its starting values, float64 or float32 by the options'
/// precision:
///   initial.mean, initial.log_stddev (K, D)       q⁰
///   bandwidth.log_value () or (L)                 log σ, rules learned and learned-per-step
///   step_size.log_value () or (L)                 log ε, likewise
///   step_size.logit_value (L)                     logit of ε's share of the bound,
///   learned-bound-fraction
///   precondition.location, precondition.log_diagonal (D), precondition.lower (D, D)
///                                                 m and L of x = m + L z (with `lower` where L is
///                                                 full); q⁰ is then that of z. For `flow`: those
///                                                 of the options' q⁰, so that z ~ N(0, I)
///   bandwidth.network.*, step_size.network.*      multilayer perceptrons D → h → h → 1 of the
///   particles' mean; their last layer
///                                                 starts at zero, so that the rule starts at its
///                                                 `value`
NamedTensors starting_parameters(const SamplerOptions& options, std::int64_t dim, Seed seed);

/// The same, with the map of the precondition `laplace` set to the target's mode and curvature
/// (fit_laplace from initial.mean, which the target is asked about). Throws NumericalFailure where
/// there is none.
NamedTensors starting_parameters(const SamplerOptions& options,
                                 const LogDensity& target,
                                 Seed seed);

/// The names among `starting_parameters` that a fit moves under these options.
std::vector<std::string> learned_names(const SamplerOptions& options);

/// Throws InvalidInput naming `context` unless names, shapes and finiteness are those of
/// `starting_parameters`; returns the tensors in its order and type.
NamedTensors check_parameters(const SamplerOptions& options,
                              std::int64_t dim,
                              const NamedTensors& parameters,
                              const std::string& context);

/// x = m + L z of the parameters precondition.*, differentiable in them; nullopt without any.
std::optional<AffineMap> precondition_map(const NamedTensors& parameters);

/// σ at a state's step, one per set, (...). Clamped to [minimum, maximum].
Tensor bandwidth_at(const BandwidthOptions& options,
                    const NamedTensors& parameters,
                    const State& state);

/// ε at a state's step before its bound, (...): rule times schedule. `bound` (...) is read by the
/// rules bound-fraction and learned-bound-fraction alone.
Tensor step_size_at(const SamplerOptions& options,
                    const NamedTensors& parameters,
                    const State& state,
                    const Tensor& bound);

/// The step size that is taken: `wanted` under `bound` as the option bound-clamp says; `wanted`
/// itself where `bound` is undefined.
Tensor bounded_step_size(const SamplerOptions& options, const Tensor& wanted, const Tensor& bound);

/// The factor of the schedule at a step, in [0, 1].
double schedule_factor(const StepSizeOptions& options, std::int64_t step, std::int64_t steps);

}  // namespace ergon
