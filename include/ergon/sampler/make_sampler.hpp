#pragma once

#include <memory>

#include "ergon/core/tensor_io.hpp"
#include "ergon/density/bijection.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/sampler.hpp"

namespace ergon {

/// The sampler that the options name, with `parameters` as check_parameters returns them. `map`:
/// what `flow` moves its particles through; none for the others. Throws InvalidInput from
/// options.validate(), without the map it needs, or with one it does not take.
std::unique_ptr<Sampler> make_sampler(const SamplerOptions& options,
                                      const NamedTensors& parameters,
                                      std::shared_ptr<const Bijection> map = nullptr);

}  // namespace ergon
