#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ergon {

/// One line of a run's trace: means over the sets. NaN where a quantity does not apply.
struct TraceRow {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::int64_t step = 0;          ///< steps taken; row 0 describes the initial particles
  double entropy = kNone;         ///< -mean log q
  double elbo = kNone;            ///< mean (log p̄ - log q)
  double log_density = kNone;     ///< mean log p̄ over the live particles
  double stein_residual = kNone;  ///< |mean_i φ_iᵀ s_i + tr A_i|, before the step, averaged over
                                  ///< sets before the modulus
  double step_size = kNone;
  double step_bound = kNone;
  double bandwidth = kNone;
  double velocity_norm = kNone;
  double acceptance = kNone;
  double acceptance_forward = kNone;  ///< stein-mh, by the direction of the move
  double acceptance_inverse = kNone;
  double acceptance_refresh = kNone;   ///< stein-mh: of the random moves
  double swap_share = kNone;           ///< stein-mh: particles not in the half of their index
  double alive = kNone;                ///< share of particles not dropped by truncation
  std::int64_t nonfinite = 0;          ///< moves undone in this step
  std::int64_t noninvertible = 0;      ///< log-determinants that are not those of an invertible map
  double log_z = kNone;                ///< log of the mean weight (ais, smc)
  double ess_share = kNone;            ///< of the weights, before resampling (ais, smc)
  double inverse_temperature = kNone;  ///< β (ais, smc)
  double swap_acceptance = kNone;      ///< parallel-tempering
  double tree_depth = kNone;           ///< nuts
  std::int64_t divergent = 0;          ///< trajectories in this step
  std::int64_t evaluations = 0;        ///< gradients and Hessian-vector products since the start
};

/// The trace's columns for CSV and checkpoints, in the order of TraceRow's fields.
const std::vector<std::string>& trace_columns();
std::vector<double> to_numbers(const TraceRow& row);
/// The reverse, of as many numbers as there are columns.
TraceRow trace_row_from_numbers(const double* numbers);

}  // namespace ergon
