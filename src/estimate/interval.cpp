#include <cmath>

#include "ergon/core/errors.hpp"
#include "ergon/estimate/estimate.hpp"

namespace ergon {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kNormalQuantile = 1.9599639845400545;  // Φ(1.96) = 0.975

// P(|T| < t) for ν degrees of freedom, as a finite sum in θ = arctan(t / √ν): Abramowitz and Stegun
// 26.7.3 (odd ν) and 26.7.4 (even ν).
double two_sided_probability(double theta, std::int64_t degrees) {
  const double sine = std::sin(theta), cosine = std::cos(theta);
  const bool odd = degrees % 2 == 1;
  double sum = 0;
  double term = odd ? cosine : 1.0;
  for (std::int64_t power = odd ? 1 : 0; power <= degrees - 2; power += 2) {
    sum += term;
    term *= cosine * cosine * static_cast<double>(power + 1) / static_cast<double>(power + 2);
  }
  return odd ? 2 / kPi * (theta + sine * sum) : sine * sum;
}

// The quantile's expansion in 1/ν, Abramowitz and Stegun 26.7.5; exact to 1e-11 for ν > 200.
double expanded_quantile(double degrees) {
  const double x = kNormalQuantile, y = x * x, v = degrees;
  const double g1 = x * (y + 1) / 4;
  const double g2 = x * ((5 * y + 16) * y + 3) / 96;
  const double g3 = x * (((3 * y + 19) * y + 17) * y - 15) / 384;
  const double g4 = x * ((((79 * y + 776) * y + 1482) * y - 1920) * y - 945) / 92160;
  return x + (g1 + (g2 + (g3 + g4 / v) / v) / v) / v;
}

Interval symmetric(double value, double half_width) {
  if (!std::isfinite(value) || !std::isfinite(half_width)) return {};
  return {value - half_width, value + half_width};
}

}  // namespace

double student_t_quantile(std::int64_t degrees_of_freedom) {
  require(degrees_of_freedom >= 1,
          "Student's t has {} degrees of freedom: give at least 1, that is two sets",
          degrees_of_freedom);
  if (degrees_of_freedom > 200) return expanded_quantile(static_cast<double>(degrees_of_freedom));
  double low = 0, high = kPi / 2;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = (low + high) / 2;
    (two_sided_probability(middle, degrees_of_freedom) < 0.95 ? low : high) = middle;
  }
  return std::sqrt(static_cast<double>(degrees_of_freedom)) * std::tan((low + high) / 2);
}

Interval interval_around(double value, double standard_error) {
  return symmetric(value, kNormalQuantile * standard_error);
}

Interval interval_around(double value, double standard_error, std::int64_t degrees_of_freedom) {
  return symmetric(value, student_t_quantile(degrees_of_freedom) * standard_error);
}

}  // namespace ergon
