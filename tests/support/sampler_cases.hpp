#pragma once

#include <string>
#include <vector>

#include "ergon/sampler/options.hpp"

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

}  // namespace ergon::testing
