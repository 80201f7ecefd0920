#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/random.hpp"
#include "ergon/flow/conditioner.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon {
namespace internal {
class ContextFactors;
}

/// y = W x across the channels, the same in every place (Kingma, Dhariwal 2018, "Glow"). W = L U
/// with a unit lower triangle L and an upper triangle U of diagonal exp(d), d = 14 tanh(δ / 14), so
/// that log|det| = places · Σ d. The constant permutation and signs of the paper's P L (U +
/// diag(s)) are left out: they relabel and reflect channels. A point is (channels, places),
/// row-major; with one place this is a linear map of R^channels. Under a context every point has a
/// W of its own: the triangles and δ are sums of numbers of their own and of a network's of the
/// context (for the triangles divided by the number of channels), which starts at zero.
class InvertibleConvolution final : public FlowLayer {
 public:
  /// Starts in float64 as a random rotation or reflection, of which the rows are ordered and signed
  /// so that the factors exist and have moderate entries. Throws InvalidInput: channels or places
  /// below 1.
  InvertibleConvolution(std::int64_t channels, std::int64_t places, Generator generator);
  /// Conditional on C = context_dim numbers; 0: none. Throws InvalidInput: channels or places below
  /// 1, context_dim below 0.
  InvertibleConvolution(std::int64_t channels,
                        std::int64_t places,
                        std::int64_t context_dim,
                        const NetworkOptions& network,
                        Generator generator);

  std::int64_t dim() const override { return channels_ * places_; }
  std::int64_t context_dim() const override { return network_ ? network_->input_dim() : 0; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "lower" and "upper", (channels, channels), of which only the strict triangles are read, and
  /// "log_diagonal" (δ), (channels); and "network." those of the network.
  NamedTensors parameters() const override;

  /// W, (channels, channels), with a graph; of the layer's own numbers, whatever the context.
  Tensor matrix() const;
  /// Its inverse by two triangular solves, with a graph.
  Tensor inverse_matrix() const;

 private:
  internal::ContextFactors factors(const Tensor& points, const Tensor& context) const;
  Tensor apply(const Tensor& matrix, const Tensor& x) const;
  Tensor log_diagonal() const;
  Tensor log_det(const Tensor& x) const;

  std::int64_t channels_, places_;
  Tensor lower_, upper_, log_diagonal_;
  std::unique_ptr<Conditioner> network_;  // null without a context
};

}  // namespace ergon
