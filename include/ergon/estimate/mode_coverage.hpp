#pragma once

#include <cstdint>
#include <optional>

#include "ergon/core/tensor.hpp"
#include "ergon/estimate/estimate.hpp"

/// How draws spread over the known modes of a law; (D20) to (D24) of docs/maths/diagnostics.md.
namespace ergon {

/// What the spread is held against.
struct ModeCoverageOptions {
  Tensor weights{};  ///< (K) true weights of the modes, >= 0, any scale; undefined: equal
  double hit_share =
      0.1;  ///< a mode is hit by at least this share of its expected draws, in (0, 1]
  /// Independent draws that the draws are worth, > 0; empty: their number. Standard errors and
  /// floors take it.
  std::optional<double> effective_draws{};
};

/// Shares f of the draws by nearest mode against the true weights w. Standard errors are those of
/// multinomial counts by the delta method; they are 0 where f = w to first order, and there the
/// floor says more: the mean that exact draws of the law would give.
struct ModeCoverage {
  Tensor shares;                       ///< (K) float64, f
  Estimate entropic;                   ///< EMC = -Σ f log_K f, in [0, 1]; 1 for a single mode
  double entropic_of_weights = 1.0;    ///< -Σ w log_K w, what the EMC of exact draws tends to
  std::int64_t modes_hit = 0;          ///< modes of positive weight with f >= hit_share · w, f > 0
  std::int64_t modes = 0;              ///< modes of positive weight
  Estimate total_variation;            ///< ½ Σ |f - w|, in [0, 1]
  double total_variation_floor = 0.0;  ///< its mean over exact draws
  Estimate kl_divergence;              ///< Σ f log(f/w); infinite where a weight is 0 and f is not
  double kl_divergence_floor = 0.0;  ///< (modes - 1) / (2 n), its mean over exact draws to O(1/n²)
};

/// Index of the nearest of modes (K, D) to each of draws (n, D), the first of equally near ones:
/// (n) int64. O(n K D), memory O(K) times 512 rows. Throws InvalidInput for other shapes and
/// numbers that are not finite.
Tensor nearest_modes(const Tensor& draws, const Tensor& modes);

/// Coverage by nearest mode. Throws as above, and for options outside their ranges.
ModeCoverage mode_coverage(const Tensor& draws,
                           const Tensor& modes,
                           const ModeCoverageOptions& options = {});

}  // namespace ergon
