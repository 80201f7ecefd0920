#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ergon/core/tensor.hpp"
#include "ergon/estimate/estimate.hpp"

/// Estimates from independent draws of a proposal q with a tractable density: pure functions of
/// arrays, in float64. Equations refer to docs/maths/importance.md.
namespace ergon {

/// Independent draws x_i of a proposal and what is needed of them.
struct WeightedDraws {
  Tensor log_weight;   ///< (n)  log w_i = log p̄(x_i) - log q(x_i); -inf where p̄ is zero
  Tensor log_density;  ///< (n)  log p̄(x_i)
  /// (n) int64 or undefined. Draws of one stratum are independent and identically distributed; a
  /// stratum has as many draws as its share of q says (several flows, a defensive mixture).
  /// Undefined: one stratum.
  Tensor stratum{};
  /// (n, k) or undefined. Control variates: functions of a draw whose mean under the law of its
  /// stratum is exactly zero. What of the entropy's error they explain is taken off; log Z and ELBO
  /// stay plain averages, which keep their exact expectations.
  Tensor control{};
};

/// What the weights say.
struct ImportanceEstimates {
  Estimate log_z;          ///< log (1/n) Σ w: E[(1/n) Σ w] = Z exactly
  Estimate entropy;        ///< of p: log Z - Σ w log p̄ / Σ w
  Estimate elbo;           ///< mean log w, a lower bound on log Z in expectation
  double ess_share = 0.0;  ///< (Σw)² / (n Σw²), in [1/n, 1]
  double pareto_k = 0.0;   ///< shape k̂ of the weights' upper tail; NaN for fewer than 25 draws
  std::int64_t draws = 0;  ///< n
};

/// Standard errors by the delta method within strata (30)–(32): of log Z from sd(w)/mean(w), of the
/// entropy from its influence function w̃ - 1 - w̃ (log p̄ - E_p[log p̄]), w̃ = w/mean(w), less its
/// regression on the control variates (37b). Intervals are
/// ± 1.96 standard errors, of log Z on the log scale (39). Where p̄ is zero at a draw the ELBO is
/// -inf without an interval; where a stratum has a single draw standard errors are NaN. Throws
/// NumericalFailure when every weight is zero, or one is not a number or infinite, and InvalidInput
/// for shapes that do not belong together.
ImportanceEstimates importance_estimates(const WeightedDraws& draws);

/// Mean of log p̄ - log q over exact draws of p, (n): an upper bound on log Z in expectation (EUBO)
/// (36). Infinite where q is zero at one; NumericalFailure where p̄ is, or for a number that is
/// none.
Estimate evidence_upper_bound(const Tensor& log_weights_at_exact_draws);

/// What weights at exact draws of p say, the reverse of what importance_estimates sees: modes that
/// q misses make these weights large.
struct ForwardEstimates {
  Estimate log_z;          ///< -log (1/n) Σ 1/w: E_p[1/w] = 1/Z exactly where q has p's support
  Estimate eubo;           ///< mean log w, an upper bound on log Z in expectation
  Estimate ess_share;      ///< n² / (Σ w Σ 1/w), in [0, 1]
  std::int64_t draws = 0;  ///< n
};

/// Forward log Z and forward effective sample size 1 / E_p[w/Z] = Z / E_p[w] with Z the forward
/// estimate (Nicoli et al. 2023, "Detecting and mitigating mode collapse for flow-based sampling of
/// lattice field theories"; Blessing et al. 2024, "Beyond ELBOs"), from log w = log p̄ - log q at
/// independent exact draws of p, (n), n >= 2; standard errors by the delta method ((D10) to (D12)
/// of docs/maths/diagnostics.md). Where q is zero at some draws (log w = +inf) the share is 0 and
/// the EUBO infinite, both without an interval. Throws InvalidInput for other shapes,
/// NumericalFailure where p̄ is zero at a draw, for a number that is none, and where q is zero at
/// every draw.
ForwardEstimates forward_estimates(const Tensor& log_weights_at_exact_draws);

/// Shape of a generalised Pareto distribution fitted to the largest min(n/5, 3√n) weights (Zhang
/// and Stephens 2009, with the weak prior of Vehtari et al. 2024, "Pareto smoothed importance
/// sampling"): below 0.5 the weights have a variance, above 0.7 neither value nor standard error
/// can be trusted. (33)-(35) NaN for fewer than 25 draws; -inf when the largest weights are equal;
/// +inf when fewer than five stand out of weights that are zero or equal. Throws as above.
double pareto_k(const Tensor& log_weights);

/// The k̂ above which n draws are too few: min(1 - 1/log10(n), 0.7) (Vehtari et al. 2024).
double pareto_k_threshold(std::int64_t draws);

/// Why the intervals cannot be trusted, in plain sentences that say what to do; empty when nothing
/// speaks against them: k̂ above its threshold, or above 0.5, where intervals were measured to cover
/// too little; fewer than 25 draws, or worth fewer than 30; no standard error.
std::vector<std::string> reasons_for_distrust(const ImportanceEstimates& estimates);

}  // namespace ergon
