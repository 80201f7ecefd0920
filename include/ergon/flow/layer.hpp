#pragma once

#include <cstdint>

#include "ergon/core/tensor_io.hpp"
#include "ergon/density/bijection.hpp"

namespace ergon {

/// Points on their way through a layer, with the force that acts on them: the score
/// G = ∇ log q of the law the points have.
struct Carried {
  Tensor points;   ///< (..., n, D)  with the graph that Mapped would have
  Tensor log_det;  ///< (..., n)     may lack a graph
  Tensor force;    ///< (..., n, D)  score of the law at `points`, without a graph
};

/// One layer of a normalizing flow: a diffeomorphism of R^D with parameters, possibly conditional
/// on a context c (..., n, C), one row for each point. What has C = 0 takes no context; what has
/// C > 0 throws InvalidInput without one. Every layer that learns can have one; Permutation,
/// Squeeze and Box have nothing to condition. For finite input that a layer can reach in its dtype
/// nothing is NaN: log-scales are bounded.
///
/// `forward` goes from the base distribution to the data, `inverse` back.
class FlowLayer : public Bijection {
 public:
  /// C, the size of the context; 0: none is taken.
  virtual std::int64_t context_dim() const { return 0; }
  /// y = T(x; c) and log|det ∇T|. Twice differentiable in x, c and the parameters.
  virtual Mapped forward(const Tensor& x, const Tensor& context) const = 0;
  /// x = T⁻¹(y; c) and log|det ∇T⁻¹|. Differentiable likewise, unless its class says otherwise.
  virtual Mapped inverse(const Tensor& y, const Tensor& context) const = 0;

  /// `forward` that takes the force G at x along (docs/maths/path_gradients.md):
  ///   G' = J⁻ᵀ (G - ∇ log|det J|),  J = ∇T(x).
  /// G carries no graph and gets none. Default: one inverse at y and its vector-Jacobian product,
  /// since G' = ∇_y [Gᵀ T⁻¹(y) + log|det ∇T⁻¹(y)|].
  virtual Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const;
  /// `inverse` that takes the force at y along to x, likewise with T⁻¹ for T.
  virtual Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const;

  /// The layer's tensors that a fit moves, under names that are unique within the layer. They are
  /// handles: what changes them in place changes the layer.
  virtual NamedTensors parameters() const { return {}; }
  /// Sets what the layer learns from a first batch of data (actnorm: unit variances), and returns
  /// `inverse` of the batch. Default: sets nothing.
  virtual Tensor start_from_data(const Tensor& y, const Tensor& context);

  Mapped forward(const Tensor& x) const final { return forward(x, Tensor()); }
  Mapped inverse(const Tensor& y) const final { return inverse(y, Tensor()); }
};

}  // namespace ergon
