#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// log p̄ along one coordinate: quartic t⁴ + quadratic t² + linear t + constant, with quartic < 0.
struct WellPotential {
  double quartic = 0.0;
  double quadratic = 0.0;
  double linear = 0.0;
  double constant = 0.0;

  double operator()(double t) const {
    return ((quartic * t * t + quadratic) * t + linear) * t + constant;
  }
};

/// Independent coordinates, each with a polynomial of degree four for a log-density: 2^m modes from
/// m double wells, in any dimension. Coordinate i follows well if is_well[i], else N(0, 1)
/// unnormalised, -t²/2. Known, by quadrature on the line to full double precision: log Z, entropy,
/// mean, covariance; exact sampler.
class DoubleWells : public Target {
 public:
  DoubleWells(std::string name, WellPotential well, const std::vector<bool>& is_well);

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return quartic_.exact().size(0); }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override;
  std::optional<Tensor> sample(std::int64_t count, Generator generator) const override;
  /// The 2^m maxima, for m <= 10 wells that have two.
  std::optional<Tensor> modes() const override;

 private:
  std::string name_;
  WellPotential well_;
  Tensor is_well_;  ///< (D) bool
  std::int64_t wells_;
  Constant quartic_;    ///< (D) coefficients of x⁴
  Constant quadratic_;  ///< (D) of x²
  Constant linear_;     ///< (D) of x
};

/// The targets `many-well` (pairs of -x1⁴ + 6 x1² + x1/2 - x2²/2; log Z
/// 164.69568 at D = 32) and `double-well` (-Σ_{i<=m} (x_i² - δ)² - ½ Σ_{i>m} x_i²; log Z
/// -0.541056 for D = m = 5, δ = 4).
std::unique_ptr<Target> make_double_wells(const TargetOptions& options);

}  // namespace ergon
