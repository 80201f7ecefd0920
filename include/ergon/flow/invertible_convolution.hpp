#pragma once

#include <cstdint>

#include "ergon/core/random.hpp"
#include "ergon/flow/layer.hpp"

namespace ergon {

/// y = W x across the channels, the same in every place (Kingma, Dhariwal 2018, "Glow"). W = L U
/// with a unit lower triangle L and an upper triangle U of diagonal exp(d), so that
/// log|det| = places · Σ d. The constant permutation and signs of the paper's P L (U + diag(s)) are
/// left out: they relabel and reflect channels. A point is (channels, places), row-major; with one
/// place this is a linear map of R^channels.
class InvertibleConvolution final : public FlowLayer {
 public:
  /// Starts in float64 as a random rotation or reflection, of which the rows are ordered and signed
  /// so that the factors exist and have moderate entries. Throws InvalidInput: channels or places
  /// below 1.
  InvertibleConvolution(std::int64_t channels, std::int64_t places, Generator generator);

  std::int64_t dim() const override { return channels_ * places_; }
  Mapped forward(const Tensor& x, const Tensor& context) const override;
  Mapped inverse(const Tensor& y, const Tensor& context) const override;
  Carried carry_forward(const Tensor& x, const Tensor& force, const Tensor& context) const override;
  Carried carry_inverse(const Tensor& y, const Tensor& force, const Tensor& context) const override;
  /// "lower" and "upper", (channels, channels), of which only the strict triangles are read, and
  /// "log_diagonal", (channels).
  NamedTensors parameters() const override;

  /// W, (channels, channels), with a graph.
  Tensor matrix() const;
  /// W⁻¹ by two triangular solves, with a graph.
  Tensor inverse_matrix() const;

 private:
  Tensor apply(const Tensor& matrix, const Tensor& x) const;
  Tensor log_det(const Tensor& x) const;

  std::int64_t channels_, places_;
  Tensor lower_, upper_, log_diagonal_;
};

}  // namespace ergon
