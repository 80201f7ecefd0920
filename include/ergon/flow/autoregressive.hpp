#pragma once

#include <memory>

#include "ergon/flow/conditioner.hpp"
#include "ergon/flow/layer.hpp"
#include "ergon/flow/masked_network.hpp"
#include "ergon/flow/transformer.hpp"

namespace ergon {

/// y_i = f(x_i; θ_i(x_1 … x_{i-1}, context)): every coordinate moves under parameters that those
/// before it determine. `forward` is one pass through the masked network, the layer of an inverse
/// autoregressive flow (Kingma et al. 2016); Inverse of it, whose forward goes coordinate by
/// coordinate, is the layer of a masked autoregressive flow (Papamakarios, Pavlakou, Murray 2017).
///
/// Without a graph the coordinate-by-coordinate map costs the operations of one pass, since a
/// hidden unit is computed once, when the last coordinate it sees is known. With a graph come three
/// passes that attach derivatives to its result (implicit differentiation), and every derivative
/// solves triangular systems. `inverse` is twice differentiable, the points of `carry_inverse`
/// once; differentiating them more often throws InvalidInput. The force of `carry_forward` solves
/// Jᵀ G' = G - ∇log|det J| coordinate by coordinate, from the last to the first. In a trace the
/// inverse is D passes.
class Autoregressive final : public FlowLayer {
 public:
  /// network: D coordinates to K numbers each. Throws InvalidInput: sizes that do not fit.
  Autoregressive(std::unique_ptr<Transformer> transformer, std::unique_ptr<MaskedNetwork> network);
  ~Autoregressive() override;

  std::int64_t dim() const override;
  std::int64_t context_dim() const override;
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  NamedTensors parameters() const override;

 private:
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<MaskedNetwork> network_;
};

}  // namespace ergon
