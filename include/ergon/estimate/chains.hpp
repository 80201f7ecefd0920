#pragma once

#include "ergon/core/tensor.hpp"

/// Convergence of Markov chains, per coordinate (Vehtari, Gelman, Simpson, Carpenter and Bürkner
/// 2021, "Rank-normalization, folding, and localization"). draws: (chains, n, D), n >= 4; results
/// (D) float64. Throws InvalidInput for other shapes, and NaN or infinite draws.
namespace ergon {

/// Rank-normalised split R̂, the larger of that of the draws and of the folded draws: 1 at
/// convergence; above 1.01 the chains have not mixed. NaN for a constant coordinate.
Tensor split_r_hat(const Tensor& draws);

/// Bulk effective sample size: of split, rank-normalised chains, with Geyer's initial monotone
/// sequence, in number of draws over all chains; at most N log10 N of N draws. NaN for a constant
/// coordinate.
Tensor bulk_effective_sample_size(const Tensor& draws);

/// Effective sample size for the mean of the draws themselves (split chains, no ranks).
Tensor mean_effective_sample_size(const Tensor& draws);

/// Effective sample size for a quantile, 0 < probability < 1: that of the indicator of draws not
/// above it. NaN where that is the same for all draws (a constant or coarsely discrete coordinate).
/// Quantiles interpolate linearly between sorted draws.
Tensor quantile_effective_sample_size(const Tensor& draws, double probability);

/// Tail effective sample size: the smaller of those for the 5 % and 95 % quantiles, NaN where
/// neither is a number.
Tensor tail_effective_sample_size(const Tensor& draws);

/// Monte-Carlo standard error of the mean: standard deviation / √(effective sample size). NaN for a
/// constant coordinate, as in the two below.
Tensor mcse_mean(const Tensor& draws);

/// Monte-Carlo standard error of the standard deviation by the delta method, from the effective
/// sample size of (x - mean)²: √((m₄ - m₂²) / (4 m₂ ESS)), m_k central moments (Kenney and Keeping
/// 1951, page 141).
Tensor mcse_stddev(const Tensor& draws);

/// Monte-Carlo standard error of a quantile: half the distance of the sorted draws at the 16 % and
/// 84 % quantiles of Beta(ESS p + 1, ESS (1 - p) + 1) (Vehtari et al. 2021, section 4.3).
Tensor mcse_quantile(const Tensor& draws, double probability);

}  // namespace ergon
