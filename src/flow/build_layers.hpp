#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/flow/layer.hpp"
#include "ergon/flow/options.hpp"

namespace ergon::internal {

/// The layers that options describe, from the base to the data: those of the architecture with what
/// mixes between them, the location and scale of the data, the map onto the support. Parameters are
/// leaves of `type`. Throws InvalidInput from options.validate(dim).
std::unique_ptr<FlowLayer> build_layers(const NormalizingFlowOptions& options,
                                        std::int64_t dim,
                                        at::ScalarType type,
                                        Seed seed);

}  // namespace ergon::internal
