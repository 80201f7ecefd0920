#pragma once

#include "spline_shape.hpp"

/// The spline as loops over numbers on the CPU, without a graph. Inside a bin they compute in
/// float64 whatever the type of the tensors. Shapes: x (..., d), θ (..., d, K).
namespace ergon::spline {

/// Whether the tensors are on the CPU, of one type, float32 or float64.
bool fused_applies(const Tensor& x, const Tensor& theta);

/// Where a map is asked about: x of f, or y of f⁻¹, and θ.
struct Place {
  const Tensor& points;
  const Tensor& theta;
  Direction direction;
};

/// f or f⁻¹ with its log-derivative.
Transformed fused_map(const Shape& shape, const Place& at);

/// What a function of points and log-derivatives grows by with each, (..., d). Undefined points
/// count as zero; undefined log-derivatives as `log_derivative_everywhere`.
struct Cotangents {
  Tensor points;
  Tensor log_derivative;
  double log_derivative_everywhere = 0;
};

/// What the same function grows by with x and θ.
struct PulledBack {
  Tensor points;  ///< (..., d)
  Tensor theta;   ///< (..., d, K)  undefined if not asked for
};
enum class Wanted { kPoints, kPointsAndTheta };
PulledBack fused_pull_back(const Shape& shape,
                           const Place& at,
                           const Cotangents& cotangents,
                           Wanted wanted);

/// The map with forces (..., d) at its points carried along: one pass.
CarriedCoordinates fused_carry(const Shape& shape, const Place& at, const Tensor& force);

}  // namespace ergon::spline
