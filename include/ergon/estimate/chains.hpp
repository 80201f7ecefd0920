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

}  // namespace ergon
