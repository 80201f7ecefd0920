#pragma once

#include <cstdint>

#include "ergon/core/random.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/sampler/options.hpp"

namespace ergon {

/// E[log q(x) - log p̄(x)] over `draws` fresh draws through the Stein flow of every set, (): an
/// upper bound on -log Z, in expectation exactly the reverse KL divergence less log Z. The support
/// starts from `support_seed`, as a Run of that seed does; gradients flow through support and
/// draws. Throws NumericalFailure when the density or its gradient is not finite at a support
/// point.
Tensor flow_objective(const LogDensity& target,
                      const SamplerOptions& options,
                      const NamedTensors& parameters,
                      Seed support_seed,
                      std::int64_t draws,
                      Generator generator);

}  // namespace ergon
