#pragma once

#include <optional>
#include <vector>

#include "ergon/core/enum_names.hpp"

/// Options of the kernel Stein discrepancy; free of tensors.
namespace ergon {

enum class SteinKernel { kInverseMultiquadric, kGaussian };

/// The kernel whose Stein kernel is averaged.
struct SteinDiscrepancyOptions {
  SteinKernel kernel = SteinKernel::kInverseMultiquadric;
  double exponent = -0.5;  ///< inverse multiquadric: β of (c² + r²)^β, in (-1, 0)
  /// c of (c² + r²)^β or σ of exp(-r²/2σ²), > 0, in units of the draws; empty: the median of the
  /// positive distances among the draws (of 2048 evenly spaced ones when there are more).
  std::optional<double> length_scale{};

  /// Throws InvalidInput naming field, value and the rule it breaks.
  void validate() const;
};

// clang-format off
template <> struct EnumNames<SteinKernel> { static const std::vector<EnumName<SteinKernel>>& all(); };
// clang-format on

}  // namespace ergon
