#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ergon/density/target.hpp"

namespace ergon::testing {

/// The target of this name with its defaults, and a dimension where it takes one.
inline std::unique_ptr<Target> named_target(const std::string& name,
                                            std::optional<std::int64_t> dim = {}) {
  TargetOptions options;
  options.name = name;
  options.dim = dim;
  return make_target(options);
}

}  // namespace ergon::testing
