#include "ergon/sampler/trace.hpp"

namespace ergon {

const std::vector<std::string>& trace_columns() {
  static const std::vector<std::string> columns = {"step",
                                                   "entropy",
                                                   "elbo",
                                                   "log_density",
                                                   "stein_residual",
                                                   "step_size",
                                                   "step_bound",
                                                   "bandwidth",
                                                   "velocity_norm",
                                                   "acceptance",
                                                   "acceptance_forward",
                                                   "acceptance_inverse",
                                                   "acceptance_refresh",
                                                   "swap_share",
                                                   "alive",
                                                   "nonfinite",
                                                   "noninvertible",
                                                   "log_z",
                                                   "ess_share",
                                                   "inverse_temperature",
                                                   "swap_acceptance",
                                                   "tree_depth",
                                                   "divergent",
                                                   "evaluations"};
  return columns;
}

std::vector<double> to_numbers(const TraceRow& row) {
  return {static_cast<double>(row.step),
          row.entropy,
          row.elbo,
          row.log_density,
          row.stein_residual,
          row.step_size,
          row.step_bound,
          row.bandwidth,
          row.velocity_norm,
          row.acceptance,
          row.acceptance_forward,
          row.acceptance_inverse,
          row.acceptance_refresh,
          row.swap_share,
          row.alive,
          static_cast<double>(row.nonfinite),
          static_cast<double>(row.noninvertible),
          row.log_z,
          row.ess_share,
          row.inverse_temperature,
          row.swap_acceptance,
          row.tree_depth,
          static_cast<double>(row.divergent),
          static_cast<double>(row.evaluations)};
}

TraceRow trace_row_from_numbers(const double* numbers) {
  TraceRow row;
  row.step = static_cast<std::int64_t>(numbers[0]);
  row.entropy = numbers[1];
  row.elbo = numbers[2];
  row.log_density = numbers[3];
  row.stein_residual = numbers[4];
  row.step_size = numbers[5];
  row.step_bound = numbers[6];
  row.bandwidth = numbers[7];
  row.velocity_norm = numbers[8];
  row.acceptance = numbers[9];
  row.acceptance_forward = numbers[10];
  row.acceptance_inverse = numbers[11];
  row.acceptance_refresh = numbers[12];
  row.swap_share = numbers[13];
  row.alive = numbers[14];
  row.nonfinite = static_cast<std::int64_t>(numbers[15]);
  row.noninvertible = static_cast<std::int64_t>(numbers[16]);
  row.log_z = numbers[17];
  row.ess_share = numbers[18];
  row.inverse_temperature = numbers[19];
  row.swap_acceptance = numbers[20];
  row.tree_depth = numbers[21];
  row.divergent = static_cast<std::int64_t>(numbers[22]);
  row.evaluations = static_cast<std::int64_t>(numbers[23]);
  return row;
}

}  // namespace ergon
