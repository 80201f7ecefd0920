#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ergon/density/bijection.hpp"
#include "ergon/sampler/options.hpp"
#include "ergon/sampler/run.hpp"

namespace ergon::testing {

/// A named configuration of a sampler.
struct SamplerCase {
  std::string name;
  SamplerOptions options;
};

/// The registry that the conformance suite runs over: the three presets, and every alternative of
/// every choice once. Small: 12 particles in 2 sets, 4 steps.
const std::vector<SamplerCase>& sampler_cases();

/// The presets alone.
std::vector<SamplerCase> sampler_presets();

/// What a sampler moves its particles through: for `flow` an affine map near the identity, for the
/// others nothing.
std::shared_ptr<const Bijection> map_of(const SamplerOptions& options, std::int64_t dim);

/// A run of any sampler, with map_of where it needs a map.
Run run_of(const LogDensity& target,
           const SamplerOptions& options,
           NamedTensors parameters,
           Seed seed);

}  // namespace ergon::testing
