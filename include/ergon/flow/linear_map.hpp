#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/flow/conditioner.hpp"
#include "ergon/flow/layer.hpp"
#include "ergon/flow/permutation.hpp"

namespace ergon {
namespace internal {
class ContextFactors;
}

/// y = P L U x with a fixed random permutation P, a unit lower triangle L and an upper triangle U
/// of diagonal exp(d), so that log|det| = Σ d costs nothing (Kingma, Dhariwal 2018, section 3.2).
/// d = 14 tanh(δ / 14). Starts as P, in float64. Under a context every point has an L and a U of
/// its own: their entries and δ are sums of numbers of their own and of a network's of the context
/// (for the entries divided by D), which starts at zero.
class LinearMap final : public FlowLayer {
 public:
  /// Throws InvalidInput: dim below 1.
  LinearMap(std::int64_t dim, Generator generator);
  /// Conditional on C = context_dim numbers; 0: none. Throws InvalidInput: dim below 1, context_dim
  /// below 0.
  LinearMap(std::int64_t dim,
            std::int64_t context_dim,
            const NetworkOptions& network,
            Generator generator);

  std::int64_t dim() const override { return log_diagonal_.size(0); }
  std::int64_t context_dim() const override { return network_ ? network_->input_dim() : 0; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  /// G' = P L⁻ᵀ U⁻ᵀ G: two triangular solves.
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "lower" and "upper", (D, D), of which only the strict triangles are read (L, U), and
  /// "log_diagonal" (δ), (D); and "network." those of the network.
  NamedTensors parameters() const override;

 private:
  internal::ContextFactors factors(const Tensor& points, const Tensor& context) const;
  Tensor lower() const;
  Tensor upper() const;

  Permutation permutation_;
  Tensor lower_, upper_, log_diagonal_;
  std::unique_ptr<Conditioner> network_;  // null without a context
};

}  // namespace ergon
