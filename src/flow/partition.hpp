#pragma once

#include <cstdint>
#include <vector>

#include "ergon/core/tensor.hpp"

namespace ergon::internal {

/// The two groups of coordinates of a coupling, each in the order of its coordinates.
struct Parts {
  Tensor moving;  ///< (..., m)
  Tensor fixed;   ///< (..., D - m)
};

/// Splits points by a mask and puts them together again, by the cheapest way that the mask allows.
/// Differentiable any number of times.
class Partition {
 public:
  /// Throws InvalidInput: a mask that moves none or all.
  explicit Partition(std::vector<bool> mask);

  std::int64_t dim() const { return static_cast<std::int64_t>(mask_.size()); }
  std::int64_t moving() const { return moving_; }
  Parts split(const Tensor& x) const;
  Tensor merge(const Tensor& moving, const Tensor& fixed) const;

 private:
  /// Two runs of coordinates (views, cat); one of each pair (2j, 2j+1), always the same (strided
  /// views, stack) or not (where); anything (index_select).
  enum class Pattern { kRuns, kPairs, kMixedPairs, kAny };
  static Pattern pattern_of(const std::vector<bool>& mask);

  std::vector<bool> mask_;
  Pattern pattern_;
  std::int64_t moving_ = 0;
  Tensor first_moves_;  ///< kMixedPairs: (D/2) bool, whether 2j moves
  Tensor order_;        ///< kAny: (D) the moving coordinates, then the others
  Tensor place_;        ///< kAny: (D) its inverse
};

}  // namespace ergon::internal
