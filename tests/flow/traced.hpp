#pragma once

#include "ergon/core/tensor.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon::testing {

/// Adds failures unless traces of the layer's maps, recorded at `few` points (n, D), give at `many`
/// points (m, D) what the layer gives: nothing of the recording's points may be baked in.
void expect_same_when_traced(const FlowLayer& layer,
                             const Tensor& few,
                             const Tensor& many,
                             double relative);

}  // namespace ergon::testing
