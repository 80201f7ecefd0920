#pragma once

#include <functional>

#include "ergon/core/tensor.hpp"
#include "ergon/density/bijection.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon::testing {

/// A map of points (n, D), rows independent of each other.
using PointMap = std::function<Mapped(const Tensor&)>;

/// The Jacobian of every row by autograd, (n, D, D): [k, i, j] = ∂y_i/∂x_j of row k.
Tensor brute_force_jacobian(const PointMap& map, const Tensor& x);

/// The force that a map takes from x to its image, from the definition
///   G' = J⁻ᵀ (G - ∇ log|det J|),
/// by a linear solve with the autograd Jacobian J; ∇ log|det J| is the autograd gradient of the
/// log-determinant that slogdet computes from J, so that nothing the layer says about its
/// log-determinant enters. x, force: (n, D), float64, small n and D.
Tensor brute_force_carry(const PointMap& map, const Tensor& x, const Tensor& force);

/// The same for a layer's forward and inverse.
Tensor brute_force_carry_forward(const FlowLayer& layer,
                                 const Tensor& x,
                                 const Tensor& force,
                                 const Tensor& context = {});
Tensor brute_force_carry_inverse(const FlowLayer& layer,
                                 const Tensor& y,
                                 const Tensor& force,
                                 const Tensor& context = {});

}  // namespace ergon::testing
