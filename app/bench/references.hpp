#pragma once

#include <vector>

#include "bench/plan.hpp"

/// Reference runs: one long run for a target without exact draws, whose draws, and whose log Z,
/// stand for exact ones in all other runs of that target.
namespace ergon::app {

/// Beyond it the page says that a reference run has not converged. Source: Vehtari et al. 2021,
/// Rank-normalization, folding, and localization: an improved R̂, section 4.
inline constexpr double kMostReferenceRHat = 1.01;

/// A run in OUT/TARGET/reference for every target of the pairs that has a [references.TARGET]
/// table. Throws InvalidInput: what `ergon sample` refuses, a sampler that keeps no chains, a pair
/// with reference-draws of its own.
std::vector<Cell> plan_references(const BenchFile& file,
                                  const BenchChoice& choice,
                                  const std::vector<BenchPair>& pairs);

/// Makes the draws of the finished runs files whose names tell their content, so that runs which
/// read them are made anew when they change. Earlier files of that kind are removed.
void publish_draws(const std::vector<Cell>& references);

/// Adds to every pair the published draws of its target's reference run and its log Z, or why there
/// are none. Throws InvalidInput: fewer draws than twice metric-draws.
void give_references(const BenchFile& file,
                     const std::vector<Cell>& references,
                     std::vector<BenchPair>& pairs);

/// What the page says of each run: target, sampler, seed, finished, failure, chains, draws, r_hat,
/// converged, bulk_ess, evaluations, seconds, log_z and log_z_standard_error (null: it has none).
Json reference_records(const std::vector<Cell>& references);

}  // namespace ergon::app
