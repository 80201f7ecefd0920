#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/flow/conditioner.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon {

/// y = x + û tanh(wᵀx + b), log|det| = log(1 + wᵀû sech²(wᵀx + b)) (Rezende, Mohamed 2015,
/// "Variational inference with normalizing flows", eq. 10). û = u + (m(wᵀu) - wᵀu) w / |w|² keeps
/// wᵀû = m(wᵀu) above -0.99 (their appendix A.1 with a bound and m(0) = 0), so that every layer can
/// be inverted.
///
/// `inverse` solves α + wᵀû tanh α = wᵀy + b for α by Newton's method from a side on which it
/// converges monotonically; its derivatives come from two Newton steps at the root. Forces are
/// carried in closed form by the Sherman-Morrison formula.
class Planar final : public FlowLayer {
 public:
  /// Near the identity, with random w and small u from the generator; float64. With a context of
  /// C > 0 numbers a network adds to w, u and b, which it leaves as they are at its start. Throws
  /// InvalidInput: dim below 1, context_dim below 0.
  Planar(std::int64_t dim,
         std::int64_t context_dim,
         const NetworkOptions& options,
         Generator generator);

  std::int64_t dim() const override { return dim_; }
  std::int64_t context_dim() const override { return network_ ? network_->input_dim() : 0; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "direction" w (D), "displacement" u (D), "offset" b (1), and "network." those of the network.
  NamedTensors parameters() const override;

 private:
  struct Numbers;
  Numbers numbers(const Tensor& points, const Tensor& context) const;

  std::int64_t dim_;
  Tensor direction_, displacement_, offset_;
  std::unique_ptr<Conditioner> network_;  // null without a context
};

}  // namespace ergon
