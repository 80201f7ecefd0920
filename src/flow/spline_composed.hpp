#pragma once

#include "spline_shape.hpp"

/// The spline as a chain of tensor operations: for derivatives beyond the first, devices other than
/// the CPU, and traces.
namespace ergon::spline {

/// f or f⁻¹ at x (..., d) for θ (..., d, K), with its log-derivative. Twice differentiable.
Transformed composed_map(const Shape& shape,
                         const Tensor& x,
                         const Tensor& theta,
                         Direction direction);

}  // namespace ergon::spline
