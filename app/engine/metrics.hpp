#pragma once

#include <limits>
#include <string>
#include <vector>

#include "session.hpp"

namespace ergon::app {

/// How the run's draws compare with the target; NaN where a number does not exist.
struct Metric {
  std::string name;  ///< w2, energy_w2, mmd2, ksd2, modes_hit, mode_coverage, mode_total_variation
  double value = std::numeric_limits<double>::quiet_NaN();
  double standard_error = std::numeric_limits<double>::quiet_NaN();
  double floor = std::numeric_limits<double>::quiet_NaN();  ///< what exact draws would give
  std::string method{};
};

/// Throws InvalidInput for a file of reference draws that cannot be read or has other dimensions:
/// before the run, not after it.
void check_reference(const MetricOptions& metrics, std::int64_t dim);

/// What --metrics asks for, over equally many draws of the run and of the reference: the draws of
/// --reference-draws, else exact draws of the target; distances only where there is one of them.
/// The run's draws: those of chains, particles by their weights (laplace, ais, smc), fresh draws
/// through the flow as they fall (stein-flow), else the particles. Throws InvalidInput for a file
/// that does not fit.
std::vector<Metric> metrics_of(const Session& session,
                               const RunSettings& settings,
                               const Target& target);

}  // namespace ergon::app
