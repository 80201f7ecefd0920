#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/tensor.hpp"

namespace ergon {

/// Coordinates after a monotone map, with the logarithm of its slope.
struct Transformed {
  Tensor points;          ///< (..., d)
  Tensor log_derivative;  ///< (..., d)  log f'(x) of the map that led there
};

/// Coordinates after a monotone map, with what carrying a force along needs.
struct CarriedCoordinates {
  Transformed mapped;  ///< with the graph that forward or inverse would give
  Tensor force;        ///< (..., d)     (G - ∂ log g'/∂x) / g', without a graph
  Tensor theta;        ///< (..., d, K)  pull_back(x, θ, force, 1), without a graph
};

/// An increasing map f(x; θ) of the line onto itself with K numbers θ per coordinate, which a
/// conditioner computes: what coupling and autoregressive layers are made of. At θ = 0 it is the
/// identity. Shapes: x (..., d), θ (..., d, K).
class Transformer {
 public:
  virtual ~Transformer() = default;
  /// K.
  virtual std::int64_t parameters_per_coordinate() const = 0;
  /// y = f(x; θ), log f'(x; θ). Twice differentiable.
  virtual Transformed forward(const Tensor& x, const Tensor& theta) const = 0;
  /// x = f⁻¹(y; θ) and the log-derivative of f⁻¹ at y. Twice differentiable.
  virtual Transformed inverse(const Tensor& y, const Tensor& theta) const = 0;

  /// Whether `pull_back` and `slope` are asked about f or about f⁻¹.
  enum class Direction { kForward, kInverse };
  /// ∂ log g'(x) / ∂x for g = f or f⁻¹, at the points that g is applied to, (..., d), without a
  /// graph. Undefined tensor: zero everywhere.
  virtual Tensor slope(const Tensor& x, const Tensor& theta, Direction direction) const = 0;
  /// ∂/∂θ [Σ a g(x; θ) + b Σ log g'(x; θ)] for cotangents a (..., d) and a number b, (..., d, K),
  /// without a graph.
  virtual Tensor pull_back(const Tensor& x,
                           const Tensor& theta,
                           const Tensor& a,
                           double b,
                           Direction direction) const = 0;
  /// g(x; θ) with forces G (..., d) at x carried along. Default: by forward or inverse, slope and
  /// pull_back.
  virtual CarriedCoordinates carry(const Tensor& x,
                                   const Tensor& theta,
                                   const Tensor& force,
                                   Direction direction) const;
};

/// f(x) = x + θ: K = 1, volume preserving (Dinh, Krueger, Bengio 2014, NICE).
std::unique_ptr<Transformer> additive_transformer();
/// f(x) = x exp(s) + b, s = bound · tanh(θ₁ / bound), b = θ₂: K = 2 (Dinh, Sohl-Dickstein, Bengio
/// 2017, RealNVP; the bound keeps every scale within exp(±bound)). Throws InvalidInput: bound not
/// positive.
std::unique_ptr<Transformer> affine_transformer(double log_scale_bound);
/// The monotone rational-quadratic spline on [-tail, tail] with `bins` bins, the identity outside:
/// K = 3 bins - 1 (Durkan, Bekasov, Murray, Papamakarios 2019, "Neural Spline Flows"). Throws
/// InvalidInput: bins below 2, tail not positive.
std::unique_ptr<Transformer> spline_transformer(std::int64_t bins, double tail);

}  // namespace ergon
