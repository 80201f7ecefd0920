#pragma once

#include <memory>

#include "ergon/core/tensor_io.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// The sampler that the options name, with `parameters` as check_parameters returns them. Throws
/// InvalidInput from options.validate().
std::unique_ptr<Sampler> make_sampler(const SamplerOptions& options,
                                      const NamedTensors& parameters);

}  // namespace ergon
