#pragma once

#include <string>

#include "ergon/core/runtime.hpp"

namespace ergon::app {

/// start_runtime, with a word on stderr when no optimised BLAS is behind libtorch.
Runtime runtime_for(int threads);

/// The sentence for a result's warnings when there is none.
std::string blas_warning(const Runtime& runtime);

}  // namespace ergon::app
