#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/random.hpp"
#include "ergon/flow/conditioner.hpp"

/// What a context adds to a layer's own numbers: the output of a network of the context alone,
/// which starts at zero.
namespace ergon::internal {

/// (..., n, C) -> (..., n, numbers); nullptr for C = 0. Throws InvalidInput naming the layer:
/// context_dim below 0.
inline std::unique_ptr<Conditioner> context_network(std::string_view layer,
                                                    std::int64_t context_dim,
                                                    std::int64_t numbers,
                                                    const NetworkOptions& options,
                                                    Generator generator) {
  require(context_dim >= 0, "the context of {} cannot have {} numbers; pass 0 for none", layer,
          context_dim);
  if (context_dim == 0) return nullptr;
  return fully_connected({context_dim, 0, numbers}, options, std::move(generator));
}

/// A layer's own parameters and, as "network.", those of its network, if it has one.
inline NamedTensors with_network(NamedTensors own, const Conditioner* network) {
  if (network == nullptr) return own;
  for (auto& [name, tensor] : network->parameters()) {
    own.emplace_back("network." + name, std::move(tensor));
  }
  return own;
}

}  // namespace ergon::internal
