#pragma once

#include <cstdint>

#include "ergon/density/affine.hpp"
#include "ergon/density/distribution.hpp"

namespace ergon {

/// Multivariate Student's t: x = m + L z √(ν/χ²_ν), z ~ N(0, I),
///   p(x) = Γ((ν+D)/2) / (Γ(ν/2) (νπ)^{D/2} det L) (1 + ‖L⁻¹(x-m)‖²/ν)^{-(ν+D)/2}.
/// Its tails bound those of any density that falls faster than a power.
class StudentT final : public Distribution {
 public:
  /// map: m and L; degrees_of_freedom ν > 0. Throws InvalidInput.
  StudentT(AffineMap map, double degrees_of_freedom);
  std::int64_t dim() const override;
  Tensor log_prob(const Tensor& x) const override;
  Draws sample_with_log_prob(std::int64_t count, Generator generator) const override;

 private:
  AffineMap map_;
  double degrees_of_freedom_;
};

}  // namespace ergon
