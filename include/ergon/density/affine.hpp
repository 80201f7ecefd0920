#pragma once

#include <cstdint>

#include "ergon/density/bijection.hpp"
#include "ergon/density/log_density.hpp"

namespace ergon {

/// x = m + L z with a lower triangular L of positive diagonal. Differentiable in z, m and L.
class AffineMap final : public Bijection {
 public:
  /// location m: (D); scale L: (D, D), of which the lower triangle is read. Throws InvalidInput:
  /// shapes, a diagonal that is not positive or not finite.
  AffineMap(Tensor location, Tensor scale);

  std::int64_t dim() const override;
  Mapped forward(const Tensor& z) const override;
  Mapped inverse(const Tensor& x) const override;

  /// Lᵀ v, which takes a score in x to one in z: (..., D) -> (..., D).
  Tensor pull_back(const Tensor& v) const;
  /// L⁻ᵀ v, the reverse.
  Tensor push_back(const Tensor& v) const;
  /// log det L, ().
  Tensor log_det() const;

  const Tensor& location() const { return location_; }
  const Tensor& scale() const { return scale_; }

 private:
  Tensor location_, scale_;
};

/// A density seen through an affine map: log p̄(m + L z) + log det L as a function of z; the same
/// normaliser. Where L whitens p, an isotropic kernel fits it.
class AffineDensity final : public LogDensity {
 public:
  /// `base` must outlive it.
  AffineDensity(const LogDensity& base, AffineMap map);
  std::int64_t dim() const override;
  Tensor log_density(const Tensor& z) const override;
  LogDensityAndScore log_density_and_score(const Tensor& z) const override;
  Tensor hessian_vector_product(const Tensor& z, const Tensor& v) const override;

 private:
  const LogDensity& base_;
  AffineMap map_;
};

}  // namespace ergon
